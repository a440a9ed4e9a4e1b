import { settleAll } from "../async/settle_all.ts";
import type { JobOutcome, JobProgress, RunningJob } from "../executor/executor.ts";
import type { JobStore } from "../job/job_store.ts";
import type { Job } from "../job/types.ts";
import { Heartbeat } from "./heartbeat.ts";
import { StoreChanges } from "./store_changes.ts";

/** A job that has a process, or whose end is not recorded yet. */
export interface ActiveJob {
  /** The job as it was when it got its process. */
  readonly started: Job;
  readonly running: RunningJob;
  /** The job once it has ended and its end is recorded. */
  readonly settled: Promise<Job>;
}

/** What {@linkcode ActiveJobs} works with. */
export interface ActiveJobsParts {
  readonly store: JobStore;
  /** Called with each job when it runs, and when it has ended. */
  readonly onChanged: (job: Job) => void;
  /** Called with each job when its end is recorded. */
  readonly onEnded: (job: Job) => void;
  /** Notes that jobs are running; called every few seconds while there are any. */
  readonly noteRunning: () => Promise<void>;
  /** The record of a job whose executor has died. */
  readonly lost: (job: Job) => Promise<Job>;
  /** Called when a change cannot be recorded; it is tried again. */
  readonly onFault: (error: unknown, jobId: string) => void;
}

/** How a job gets its process, once the store knows of it. */
export interface Launch {
  /** The job as it is recorded before it has a process. */
  readonly recorded: Job;
  readonly launch: () => Promise<RunningJob>;
  /** See `StartOptions`. */
  readonly confirm: (job: Job) => Promise<void>;
  /** Removes what there is of a job that does not start after all. May be repeated. */
  readonly abandon: () => Promise<void>;
  /** Has the store know, instead of the job, what has become of it. May be repeated. */
  readonly undo: (error: unknown) => Promise<void>;
}

/** An active job as it is now. */
export async function snapshotOf({ started, running }: Omit<ActiveJob, "settled">): Promise<Job> {
  if (!running.hasEnded) return withProgress(started, await running.progress());
  const outcome = await running.ended;
  return outcome === null ? started : withProgress(started, outcome);
}

function withProgress(started: Job, { timeoutMs, ...rest }: JobProgress | JobOutcome): Job {
  return { ...started, execution: { ...started.execution, timeoutMs }, ...rest };
}

/**
 * The jobs about which more is known than the store knows. The store is told of each job before it has a
 * process, when it has one, and when it has ended.
 */
export class ActiveJobs implements AsyncDisposable {
  readonly #parts: ActiveJobsParts;
  readonly #jobs = new Map<string, ActiveJob>();
  /** Jobs whose record exists, but not yet with the process id. */
  readonly #starting = new Map<string, Promise<unknown>>();
  readonly #changes = new StoreChanges();
  readonly #heartbeat: Heartbeat;

  constructor(parts: ActiveJobsParts) {
    this.#parts = parts;
    this.#heartbeat = new Heartbeat(parts.noteRunning, () => this.#jobs.size > 0);
  }

  /** A job as it is now; `undefined` for one that is not active. */
  async get(jobId: string): Promise<Job | undefined> {
    const active = this.#jobs.get(jobId);
    return active && await snapshotOf(active);
  }

  /** A job as it was when it began; `undefined` for one that is not active. */
  begun(jobId: string): Job | undefined {
    return this.#jobs.get(jobId)?.started;
  }

  has(jobId: string): boolean {
    return this.#jobs.has(jobId);
  }

  /** Finds a job, waiting for its process if it is about to get one. */
  async find(jobId: string): Promise<ActiveJob | undefined> {
    const active = this.#jobs.get(jobId);
    if (active !== undefined) return active;
    await this.#starting.get(jobId)?.catch(() => {});
    return this.#jobs.get(jobId);
  }

  all(): ActiveJob[] {
    return [...this.#jobs.values()];
  }

  /**
   * Starts a job.
   *
   * @param job as it is once it has a process, but for that
   * @returns the running job, which is recorded
   */
  async start(job: Job, how: Launch): Promise<Job> {
    const started = this.#start(job, how);
    this.#starting.set(job.jobId, started);
    try {
      return await started;
    } finally {
      this.#starting.delete(job.jobId);
    }
  }

  /** Takes up a job that was started before, and is recorded but for its process perhaps. */
  async adopt(job: Job, running: RunningJob): Promise<void> {
    const started = { ...job, pid: running.pid };
    const recorded = this.#parts.store.put(started, running.processIdentity);
    const settled = this.#settle({ started, running }, recorded);
    this.#jobs.set(job.jobId, { started, running, settled });
    this.#heartbeat.begin();
    await recorded;
  }

  /** Tries once more to record what could not be recorded. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#heartbeat[Symbol.asyncDispose]();
    await this.#changes[Symbol.asyncDispose]();
  }

  async #start(job: Job, { recorded, launch, confirm, abandon, undo }: Launch): Promise<Job> {
    const { store } = this.#parts;
    // Before anything that outlives this process is made: a daemon that finds it must know of it.
    try {
      await store.put(recorded);
    } catch (error) {
      await abandon().catch(() => {});
      throw error;
    }
    try {
      return await this.#record(job, await launch(), confirm);
    } catch (error) {
      await this.#change(job.jobId, async () => {
        await abandon();
        await undo(error);
      });
      throw error;
    }
  }

  /** Records a job that has just got its process. One that cannot be recorded must not run. */
  async #record(
    job: Job,
    running: RunningJob,
    confirm: Launch["confirm"],
  ): Promise<Job> {
    const { store, onChanged } = this.#parts;
    const started = { ...job, pid: running.pid };
    // At the same time, since both wait for the disk.
    const recorded = settleAll([
      store.put(started, running.processIdentity),
      confirm(started),
    ]);
    const settled = this.#settle({ started, running }, recorded);
    this.#jobs.set(job.jobId, { started, running, settled });
    this.#heartbeat.begin();
    try {
      await recorded;
    } catch (error) {
      // If the executor has died, so does the job.
      await running.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "shutdown" })
        .catch(() => {});
      await settled;
      this.#jobs.delete(job.jobId);
      throw error;
    }
    running.confirm();
    onChanged(started);
    return started;
  }

  async #settle(active: Omit<ActiveJob, "settled">, recorded: Promise<unknown>): Promise<Job> {
    const { store, lost, onChanged, onEnded } = this.#parts;
    const { started, running } = active;
    const outcome = await running.ended;
    const job = outcome === null ? await lost(started) : withProgress(started, outcome);
    try {
      await recorded;
    } catch {
      return job; // Its start has failed, and told why.
    }
    // It stays among the active jobs until its end is recorded, so that its end is known all the time.
    await this.#change(job.jobId, async () => {
      await store.put(job);
      running.release();
      this.#jobs.delete(job.jobId);
      onEnded(job);
    });
    onChanged(job);
    return job;
  }

  async #change(jobId: string, change: () => Promise<void>): Promise<void> {
    await this.#changes.make(change, (error) => this.#parts.onFault(error, jobId));
  }
}
