import { abortable } from "../async/abortable.ts";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { KeyedSemaphore } from "../async/keyed_semaphore.ts";
import { Semaphore } from "../async/semaphore.ts";
import { JobWorkerError } from "../errors.ts";
import type { JobStore } from "../job/job_store.ts";
import { queuedJob } from "../job/record_bytes.ts";
import { type Job, type JobEnd, statusOf } from "../job/types.ts";
import type { JobSlot, JobSlots } from "./job_slots.ts";
import { isPassing } from "./scarcity.ts";

/** How many jobs whose turn has come are started at a time: each has its record in memory, with its variables. */
const MAX_STARTS = 8;

/** How often a start is tried again that fails for what may pass, such as a full disk: from, to, and how long. */
const TRY_AGAIN_MS = { first: 500, last: 15_000 };
const TRY_FOR_MS = 60_000;

/** How a job is started whose turn has come. */
export interface Turn {
  readonly slot: JobSlot;
  /** Once aborted, a job that has no process yet never gets one. */
  readonly signal: AbortSignal;
  /**
   * Records what becomes of a job that is recorded as running, and does not run. May be repeated.
   *
   * @param wasLaunched whether anything of it may have run
   */
  readonly undo: (error: unknown, wasLaunched: boolean) => Promise<void>;
}

/** What {@linkcode QueuedJobs} works with. */
export interface QueuedJobsParts {
  readonly store: JobStore;
  readonly slots: JobSlots;
  /** Starts a job, which is recorded as it was queued. */
  readonly start: (job: Job, turn: Turn) => Promise<unknown>;
  /** Called with each job when it is queued, and when it has ended without having run. */
  readonly onChanged: (job: Job) => void;
  /** Called with each job when it has ended without having run, and that is recorded. */
  readonly onEnded: (job: Job) => void;
  /** Called for what will be tried again. */
  readonly onFault: (error: unknown, jobId: string) => void;
}

/** The start of a job whose turn has come. */
interface Start {
  readonly aborting: AbortController;
  /** Never rejects. */
  readonly done: Promise<void>;
}

/**
 * The jobs that wait, from when they are queued until they run. Only their ids are in memory: what is needed to run
 * one is on the disk, and read when its turn comes. So the queue outlives this process.
 */
export class QueuedJobs {
  readonly #parts: QueuedJobsParts;
  readonly #starts = new Map<string, Start>();
  readonly #shares = new Semaphore({ total: MAX_STARTS, maxWaiting: Infinity, refusal: "" });
  /** The turns to read or change the record of a job. How many wait is bounded by the calls that there may be. */
  readonly #turns = new KeyedSemaphore<string>({ total: 1, maxWaiting: Infinity, refusal: "" });
  /** Those that are being taken out. */
  readonly #cancelling = new Set<string>();
  /** Those who wait for a job to run, or end without. */
  readonly #left = new Map<string, PromiseWithResolvers<void>>();
  readonly #closing = new AbortController();

  constructor(parts: QueuedJobsParts) {
    this.#parts = parts;
  }

  /** Whether a job is in the queue, or is just being started or taken out of it. */
  has(jobId: string): boolean {
    return this.#parts.slots.isWaiting(jobId) || this.#starts.has(jobId) ||
      this.#cancelling.has(jobId);
  }

  /**
   * Records a job that waits for a slot already: so it is queued in the order of its id, however long this takes.
   *
   * @param admit looks whether it could run; if that rejects, the job is not queued
   * @returns the job with its place
   */
  async add(job: Job, admit: () => Promise<void>): Promise<Job> {
    const { store, slots, onChanged } = this.#parts;
    try {
      await this.#inTurn(job.jobId, async () => {
        await admit();
        await store.put(job);
      });
    } catch (error) {
      slots.leave(job.jobId);
      throw error;
    }
    onChanged(job);
    return this.placed(job);
  }

  /** A job with its place in the queue, if it waits in it. */
  placed(job: Job): Job {
    return statusOf(job) === "queued" ? { ...job, queue: this.#parts.slots.placeOf(job) } : job;
  }

  /** Starts a job that has got a slot. */
  takeTurn(jobId: string, slot: JobSlot): void {
    const aborting = new AbortController();
    const done = this.#start(jobId, slot, aborting.signal).finally(() => {
      this.#starts.delete(jobId);
      this.#settle(jobId);
    });
    this.#starts.set(jobId, { aborting, done });
  }

  /**
   * Takes a job out of the queue, also if it is just being started.
   *
   * @returns the ended job; `undefined` if it is not in the queue, or not any more
   */
  async cancel(jobId: string): Promise<Job | undefined> {
    const start = this.#starts.get(jobId);
    if (start === undefined && !this.#parts.slots.leave(jobId)) return undefined;
    this.#cancelling.add(jobId);
    try {
      start?.aborting.abort(stopped());
      await start?.done;
      return await this.#inTurn(jobId, () => this.#putStopped(jobId));
    } finally {
      this.#cancelling.delete(jobId);
      this.#settle(jobId);
    }
  }

  async #putStopped(jobId: string): Promise<Job | undefined> {
    const { store, slots } = this.#parts;
    const job = await store.get(jobId);
    if (job === undefined || statusOf(job) !== "queued") {
      return job?.end?.reason === "stopped" ? job : undefined;
    }
    try {
      return await this.#putEnded(job, stoppedEnd());
    } catch (error) {
      slots.rejoin([queuedJob(job)]);
      throw error;
    }
  }

  /**
   * Changes the record of a job that waits.
   *
   * @returns the job as it is then; `undefined` if it does not wait
   */
  async update(jobId: string, change: (job: Job) => Job): Promise<Job | undefined> {
    const { store, slots } = this.#parts;
    if (!slots.isWaiting(jobId)) {
      await this.#starts.get(jobId)?.done;
      return undefined;
    }
    return await this.#inTurn(jobId, async () => {
      const job = await store.get(jobId);
      if (job === undefined || statusOf(job) !== "queued") return undefined;
      const changed = change(job);
      await store.put(changed);
      return changed;
    });
  }

  /**
   * Waits until a job is not in the queue: it runs, has ended, or was never there.
   *
   * @throws the reason of the signal; `unavailable` if it waits for the next daemon
   */
  async left(jobId: string, signal?: AbortSignal): Promise<void> {
    if (!this.has(jobId)) return;
    if (this.#closing.signal.aborted) throw closed();
    const left = this.#left.get(jobId) ?? Promise.withResolvers<void>();
    this.#left.set(jobId, left);
    await abortable(left.promise, signal);
  }

  /**
   * Gives nobody a turn any more: those who wait do so on the disk.
   *
   * @returns once no start is under way
   */
  async close(): Promise<void> {
    this.#parts.slots.close();
    this.#closing.abort();
    for (const { promise, reject } of this.#left.values()) {
      promise.catch(() => {});
      reject(closed());
    }
    this.#left.clear();
    await Promise.all(Array.from(this.#starts.values(), ({ done }) => done));
  }

  /** Starts a job, and holds its slot for it until it runs or its end is recorded. */
  async #start(jobId: string, slot: JobSlot, aborted: AbortSignal): Promise<void> {
    using _slot = slot;
    const { onFault } = this.#parts;
    const signal = AbortSignal.any([aborted, this.#closing.signal]);
    const nextWait = doubling(TRY_AGAIN_MS);
    const deadline = performance.now() + TRY_FOR_MS;
    for (;;) {
      try {
        const isLast = performance.now() >= deadline;
        if (await this.#try(jobId, slot, { aborted, signal, isLast })) return;
      } catch (error) {
        if (signal.aborted) return;
        onFault(error, jobId);
      }
      await delay(nextWait(), { signal }).catch(() => {});
      if (signal.aborted) return;
    }
  }

  /**
   * @returns whether nothing is left to be done
   * @throws what can be tried again
   */
  async #try(
    jobId: string,
    slot: JobSlot,
    { aborted, signal, isLast }: {
      readonly aborted: AbortSignal;
      readonly signal: AbortSignal;
      readonly isLast: boolean;
    },
  ): Promise<boolean> {
    const { store, start } = this.#parts;
    using _share = await this.#shares.acquire(1, signal);
    const job = await this.#inTurn(jobId, () => store.get(jobId));
    signal.throwIfAborted();
    // It could not be recorded, and whoever has queued it has been told.
    if (job === undefined || statusOf(job) !== "queued") return true;
    let isUndone = false;
    const undo = async (error: unknown, wasLaunched: boolean) => {
      isUndone = true;
      // It must not run twice, and nobody else needs to know that its turn had come.
      if (this.#closing.signal.aborted && !wasLaunched) return await store.put(job);
      await this.#putEnded(job, aborted.aborted ? stoppedEnd() : failedEnd(error));
    };
    try {
      await start(job, { slot, signal: aborted, undo });
    } catch (error) {
      if (isUndone || signal.aborted) return true;
      if (isPassing(error) && !isLast) throw error;
      await this.#putEnded(job, failedEnd(error));
    }
    return true;
  }

  async #putEnded(job: Job, end: JobEnd): Promise<Job> {
    const { store, onChanged, onEnded } = this.#parts;
    const ended: Job = { ...job, end };
    await store.put(ended);
    onEnded(ended);
    onChanged(ended);
    return ended;
  }

  /** Tells those who wait for it, unless it is in the queue still. */
  #settle(jobId: string): void {
    if (this.has(jobId) || this.#closing.signal.aborted) return;
    this.#left.get(jobId)?.resolve();
    this.#left.delete(jobId);
  }

  /** Reads or changes the record of one job after the changes that were begun before. */
  async #inTurn<T>(jobId: string, change: () => Promise<T>): Promise<T> {
    using _turn = await this.#turns.acquire(jobId, 1);
    return await change();
  }
}

function stoppedEnd(): JobEnd {
  return { status: "cancelled", reason: "stopped", exitStatus: null, finishedAt: Date.now() };
}

function failedEnd(error: unknown): JobEnd {
  const detail = error instanceof JobWorkerError ? error.message : "internal error";
  return { ...stoppedEnd(), status: "failed", reason: "start_failed", detail };
}

function stopped(): JobWorkerError {
  return new JobWorkerError("cancelled", "The job was stopped before it ran");
}

function closed(): JobWorkerError {
  return new JobWorkerError("unavailable", "The daemon is shutting down");
}
