import { Counts } from "../counts.ts";
import { JobWorkerError } from "../errors.ts";
import type { QueuedJob } from "../job/job_store.ts";
import type { QueuePlace } from "../job/types.ts";
import { formatByteSize } from "../text/byte_size.ts";
import { WaitingJobs } from "./waiting_jobs.ts";

/** A job has a command line of a few hundred bytes, and may have megabytes of arguments and variables. */
const MAX_QUEUED_BYTES = 256 * 2 ** 20;

/** How many jobs may run and wait at once, those that are just being started included. */
export interface SlotLimits {
  /** Those of all owners together that run. */
  readonly maxRunning: number;
  /** Those of one owner that run. */
  readonly maxRunningPerUser: number;
  /** Those of all owners together that wait. */
  readonly maxQueued: number;
  /** Those of one owner that wait. */
  readonly maxQueuedPerUser: number;
  /** What the records of all that wait may take on disk, half of it those of one owner. */
  readonly maxQueuedBytes?: number;
}

/** The place of one job among those that run; given back when it is disposed of. */
export interface JobSlot extends Disposable {
  /** Has the job keep it until this settles, whatever becomes of the start. */
  holdUntil(ended: Promise<unknown>): void;
}

/** Called with a job that waited, and the slot that it has now; must not throw. */
export type OnTurn = (jobId: string, slot: JobSlot) => void;

/** A limit that keeps a job from running. */
type FullLimit = "maxRunning" | "maxRunningPerUser";

/**
 * The places in which jobs run, in total and per owner, and the jobs that wait for one. They are counted in one
 * turn of the event loop, so that no two starts get the same one.
 *
 * A slot that becomes free goes to a job that waits at that very moment, if there is one that may have it. So
 * whoever finds a free slot overtakes nobody.
 */
export class JobSlots {
  readonly #limits: SlotLimits;
  readonly #onTurn: OnTurn;
  readonly #waiting = new WaitingJobs();
  #taken = 0;
  readonly #takenBy = new Counts<string>();
  #isClosed = false;

  constructor(limits: SlotLimits, onTurn: OnTurn) {
    this.#limits = limits;
    this.#onTurn = onTurn;
  }

  /**
   * Takes a slot for a job that is about to be started.
   *
   * @throws `resource_exhausted`, naming the limit
   */
  acquire(owner: string): JobSlot {
    switch (this.#fullLimit(owner)) {
      case "maxRunningPerUser":
        throw exhausted(
          `user "${owner}" already has as many jobs running as one user may, ` +
            `${this.#limits.maxRunningPerUser} (the daemon's --max-running-per-user); ` +
            `stop one of them, or ${this.#advice}`,
        );
      case "maxRunning":
        throw exhausted(
          `as many jobs are running as may, ${this.#limits.maxRunning} (the daemon's --max-running); ` +
            this.#advice,
        );
      case null:
        return this.#take(owner);
    }
  }

  /**
   * The same for a job that may wait instead.
   *
   * @returns its slot; `null` if it waits for one
   * @throws `resource_exhausted` if too many wait, naming the limit
   */
  acquireOrWait(job: QueuedJob): JobSlot | null {
    const { owner } = job;
    if (this.#fullLimit(owner) === null) return this.#take(owner);
    const { maxQueued, maxQueuedPerUser, maxQueuedBytes = MAX_QUEUED_BYTES } = this.#limits;
    // Without a queue, it is refused as one that may not wait.
    if (maxQueued === 0) return this.acquire(owner);
    if (this.#waiting.sizeOf(owner) >= maxQueuedPerUser) {
      throw exhausted(
        `user "${owner}" already has as many jobs in the queue as one user may, ${maxQueuedPerUser} ` +
          "(the daemon's --max-queued-per-user); stop one of them, or try again when one has started",
      );
    }
    const bytes = this.#waiting.recordBytesOf(owner) + job.recordBytes;
    if (bytes > maxQueuedBytes / 2) {
      throw exhausted(
        `user "${owner}" may have jobs in the queue whose records take ${
          formatByteSize(maxQueuedBytes / 2)
        }, ` + "and with this one they would take more; try again when one has started",
      );
    }
    if (this.#waiting.size >= maxQueued) {
      throw exhausted(
        `as many jobs are in the queue as may, ${maxQueued} (the daemon's --max-queued); ` +
          "try again when one has started",
      );
    }
    if (this.#waiting.recordBytes + job.recordBytes > maxQueuedBytes) {
      throw exhausted(
        `the records of jobs in the queue may take ${
          formatByteSize(maxQueuedBytes)
        }, and with this one they ` +
          "would take more; try again when one has started",
      );
    }
    this.#waiting.add(job);
    return null;
  }

  /** Takes a slot for a job that runs already, even if none is left. */
  adopt(owner: string): JobSlot {
    return this.#take(owner);
  }

  /** Has jobs wait that have waited before, even if they are too many. */
  rejoin(jobs: readonly QueuedJob[]): void {
    for (const job of jobs) this.#waiting.add(job);
    this.#giveTurns();
  }

  /**
   * Takes a job out of the queue.
   *
   * @returns whether it was waiting
   */
  leave(jobId: string): boolean {
    return this.#waiting.delete(jobId);
  }

  isWaiting(jobId: string): boolean {
    return this.#waiting.has(jobId);
  }

  /** How many jobs run, those that are just being started included, and how many wait. */
  get counts(): { readonly running: number; readonly queued: number } {
    return { running: this.#taken, queued: this.#waiting.size };
  }

  /** Where a job stands in the queue, and what it waits for; `null` if it does not wait. */
  placeOf({ jobId, owner }: Pick<QueuedJob, "jobId" | "owner">): QueuePlace | null {
    const place = this.#waiting.placeOf(jobId);
    return place && { ...place, reason: this.#reason(owner) };
  }

  /** Gives nobody a turn any more. Those who wait keep waiting. */
  close(): void {
    this.#isClosed = true;
  }

  /** What to do about a limit on running jobs. */
  get #advice(): string {
    return this.#limits.maxQueued === 0
      ? "there is no queue to wait in, so try again when one has ended"
      : "have the job wait until one has ended (--queue)";
  }

  /** The limit that an owner has reached: first the one that they can do something about. */
  #fullLimit(owner: string): FullLimit | null {
    const { maxRunning, maxRunningPerUser } = this.#limits;
    if (this.#takenBy.of(owner) >= maxRunningPerUser) return "maxRunningPerUser";
    return this.#taken >= maxRunning ? "maxRunning" : null;
  }

  #reason(owner: string): string {
    const { maxRunning, maxRunningPerUser } = this.#limits;
    return this.#fullLimit(owner) === "maxRunningPerUser"
      ? `${this.#takenBy.of(owner)} of ${maxRunningPerUser} jobs of user "${owner}" are running ` +
        "(the daemon's --max-running-per-user)"
      : `${this.#taken} of ${maxRunning} jobs of all users are running (the daemon's --max-running)`;
  }

  #take(owner: string): JobSlot {
    this.#taken++;
    this.#takenBy.add(owner, 1);
    const taken = new DisposableStack();
    taken.defer(() => this.#release(owner));
    return {
      holdUntil: (ended) => {
        const held = taken.move();
        const release = () => held.dispose();
        void ended.then(release, release);
      },
      [Symbol.dispose]: () => taken.dispose(),
    };
  }

  #release(owner: string): void {
    this.#taken--;
    this.#takenBy.add(owner, -1);
    this.#giveTurns();
  }

  #giveTurns(): void {
    const { maxRunning, maxRunningPerUser } = this.#limits;
    while (!this.#isClosed && this.#taken < maxRunning) {
      const next = this.#waiting.next((owner) => this.#takenBy.of(owner) < maxRunningPerUser);
      if (next === undefined) return;
      this.#onTurn(next.jobId, this.#take(next.owner));
    }
  }
}

function exhausted(why: string): JobWorkerError {
  return new JobWorkerError("resource_exhausted", `Cannot start the job: ${why}`);
}
