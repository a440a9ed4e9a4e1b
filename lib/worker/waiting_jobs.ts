import { Counts } from "../counts.ts";
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
  readonly #jobs = new Map<string, QueuedJob>();
  #bytes = 0;
  readonly #bytesByOwner = new Counts<string>();

  /** How many wait in all. */
  get size(): number {
    return this.#jobs.size;
  }

  /** What the records of all that wait take on disk. */
  get recordBytes(): number {
    return this.#bytes;
  }

  /** The same for those of one owner. */
  recordBytesOf(owner: string): number {
    return this.#bytesByOwner.of(owner);
  }

  /** How many of one owner's wait. */
  sizeOf(owner: string): number {
    return this.#line.get(owner)?.length ?? 0;
  }

  has(jobId: string): boolean {
    return this.#jobs.has(jobId);
  }

  /** An owner of whom none waits yet comes last. */
  add(job: QueuedJob): void {
    const { jobId, owner, recordBytes } = job;
    this.#jobs.set(jobId, job);
    this.#bytes += recordBytes;
    this.#bytesByOwner.add(owner, recordBytes);
    const jobs = this.#line.get(owner);
    if (jobs === undefined) this.#line.set(owner, [jobId]);
    else jobs.splice(indexOf(jobs, jobId), 0, jobId);
  }

  /** @returns whether it was waiting */
  delete(jobId: string): boolean {
    const owner = this.#take(jobId)?.owner;
    if (owner === undefined) return false;
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
      const job = jobId === undefined ? undefined : this.#take(jobId);
      if (job !== undefined) return job;
    }
    return undefined;
  }

  #take(jobId: string): QueuedJob | undefined {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return undefined;
    this.#jobs.delete(jobId);
    this.#bytes -= job.recordBytes;
    this.#bytesByOwner.add(job.owner, -job.recordBytes);
    return job;
  }

  /** Where a job stands if every owner in line may run one more; `null` if it does not wait. */
  placeOf(jobId: string): Omit<QueuePlace, "reason"> | null {
    const mine = this.#jobs.get(jobId)?.owner;
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
