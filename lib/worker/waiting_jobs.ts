import type { QueuedJob } from "../job/job_store.ts";
import type { QueuePlace } from "../job/types.ts";

/**
 * The jobs that wait to run: owners take turns, and of each owner the oldest job is first. Whoever has had a turn
 * goes to the end of the line, so how much one owner has waiting does not matter to the others.
 *
 * Ids are in the order of time, so a job that comes back is where it was.
 */
export class WaitingJobs {
  /** The owners in line, each with their jobs, oldest first. */
  readonly #line = new Map<string, string[]>();
  readonly #owners = new Map<string, string>();

  /** How many wait in all. */
  get size(): number {
    return this.#owners.size;
  }

  /** How many of one owner's wait. */
  sizeOf(owner: string): number {
    return this.#line.get(owner)?.length ?? 0;
  }

  has(jobId: string): boolean {
    return this.#owners.has(jobId);
  }

  /** An owner of whom none waits yet comes last. */
  add({ jobId, owner }: QueuedJob): void {
    this.#owners.set(jobId, owner);
    const jobs = this.#line.get(owner);
    if (jobs === undefined) this.#line.set(owner, [jobId]);
    else jobs.splice(indexOf(jobs, jobId), 0, jobId);
  }

  /** @returns whether it was waiting */
  delete(jobId: string): boolean {
    const owner = this.#owners.get(jobId);
    if (owner === undefined) return false;
    this.#owners.delete(jobId);
    const jobs = this.#line.get(owner) ?? [];
    jobs.splice(indexOf(jobs, jobId), 1);
    if (jobs.length === 0) this.#line.delete(owner);
    return true;
  }

  /**
   * Takes the job whose turn it is: that of the first owner in line who may run one more. Those who may not keep
   * their place.
   */
  next(mayRun: (owner: string) => boolean): QueuedJob | undefined {
    for (const [owner, jobs] of this.#line) {
      if (!mayRun(owner)) continue;
      const jobId = jobs.shift();
      this.#line.delete(owner);
      if (jobs.length > 0) this.#line.set(owner, jobs);
      if (jobId === undefined) continue;
      this.#owners.delete(jobId);
      return { jobId, owner };
    }
    return undefined;
  }

  /** Where a job stands if every owner in line may run one more; `null` if it does not wait. */
  placeOf(jobId: string): Omit<QueuePlace, "reason"> | null {
    const mine = this.#owners.get(jobId);
    if (mine === undefined) return null;
    const before = indexOf(this.#line.get(mine) ?? [], jobId);
    let position = 1 + before;
    // An owner has as many turns before this one as have passed here, and one more if they come first.
    let turns = before + 1;
    for (const [owner, jobs] of this.#line) {
      if (owner === mine) turns = before;
      else position += Math.min(jobs.length, turns);
    }
    return { position, length: this.size };
  }
}

/** Where an id is, or belongs, among others that are in order: a binary search, since a page of jobs asks for many. */
function indexOf(ids: readonly string[], id: string): number {
  let [from, to] = [0, ids.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((ids[middle] ?? "") < id) from = middle + 1;
    else to = middle;
  }
  return from;
}
