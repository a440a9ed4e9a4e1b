import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import type { Executor } from "../executor/executor.ts";
import { LocalExecutor } from "../executor/local_executor.ts";
import { IdSequence } from "../ids.ts";
import { checkGracePeriod, checkTimeout } from "../job/execution.ts";
import type { JobPage, JobStore } from "../job/job_store.ts";
import type { StatusCounts } from "../job/status_counts.ts";
import { parseSignal } from "../job/parse_signal.ts";
import {
  type Containment,
  type Job,
  type JobFilter,
  type LogBatch,
  type LogStream,
  statusOf,
} from "../job/types.ts";
import { LogLibrary, LOGS } from "../log/log_library.ts";
import { type ActiveJob, ActiveJobs, snapshotOf } from "./active_jobs.ts";
import { JobStarter } from "./job_starter.ts";
import { JobWatch } from "../job/job_watch.ts";
import { MemoryStore } from "./memory_store.ts";
import { prune, type PruneOptions } from "./prune.ts";
import type { QueuedJobs } from "./queued_jobs.ts";
import { readJobLog, type ReadJobLogOptions } from "./read_job_log.ts";
import { lostJob, recover } from "./recovery.ts";
import type { Pruned } from "./retention.ts";
import { checkMaxTimeout, DEFAULT_START_POLICY, type StartPolicy } from "./start_request.ts";
import type { StartOptions, StopJobOptions, WorkerOptions } from "./worker_options.ts";

const DEFAULT_STOP_SIGNAL = "SIGTERM";

/** Runs commands, each in a session of its own, and keeps their output and outcome. */
export class Worker implements AsyncDisposable {
  /** What holds the processes of new jobs. */
  readonly containment: Containment;
  readonly #policy: StartPolicy;
  readonly #store: JobStore;
  readonly #executor: Executor;
  readonly #logs: LogLibrary;
  readonly #ids: IdSequence;
  readonly #active: ActiveJobs;
  readonly #starter: JobStarter;
  readonly #queued: QueuedJobs;
  readonly #watches = new Set<JobWatch>();
  #handedOver = false;

  private constructor(options: WorkerOptions, parts: {
    readonly policy: StartPolicy;
    readonly store: JobStore;
    readonly executor: Executor;
    readonly logs: LogLibrary;
    readonly ids: IdSequence;
  }) {
    this.containment = parts.executor.containment;
    this.#policy = parts.policy;
    this.#store = parts.store;
    this.#executor = parts.executor;
    this.#logs = parts.logs;
    this.#ids = parts.ids;
    const { onEnded = () => {}, onFault = () => {}, onChanged: onTold = () => {} } = options;
    const { maxRunning = Infinity, maxRunningPerUser = Infinity } = options;
    const { maxQueued = Infinity, maxQueuedPerUser = Infinity } = options;
    const onChanged = (job: Job) => {
      onTold(job);
      this.#tellWatches(job);
    };
    this.#active = new ActiveJobs({
      store: this.#store,
      lost: (job) => lostJob(job, { logs: this.#logs, ranUntil: Infinity, onFault }),
      onChanged,
      onEnded,
      noteRunning: () => this.#logs.noteUse(),
      onFault,
    });
    this.#starter = new JobStarter({
      ...parts,
      limits: { maxRunning, maxRunningPerUser, maxQueued, maxQueuedPerUser },
      active: this.#active,
      get: (jobId) => this.get(jobId),
      onChanged,
      onEnded,
      onFault,
    });
    this.#queued = this.#starter.queued;
  }

  /**
   * Opens a worker, and settles what an earlier one that died has left in the same store. Dispose of it to
   * end its jobs.
   *
   * @throws `failed_precondition` if a program that it relies on is not installed
   */
  static async open(options: WorkerOptions): Promise<Worker> {
    await using opened = new AsyncDisposableStack();
    if (options.executor !== undefined) opened.use(options.executor);
    const logs = opened.use(await LogLibrary.open(`${options.dataDirectory}/${LOGS}`));
    const { store = new MemoryStore(), onFault = () => {}, onLost = () => {}, ...rest } = options;
    const executor = options.executor ??
      opened.use(await LocalExecutor.open({ ...rest, logs, onFault }));
    const [newest] = await store.list({}, { limit: 1 });
    const ids = new IdSequence(newest?.jobId ?? "");
    const policy = { ...DEFAULT_START_POLICY, ...options };
    const worker = new Worker(options, { policy, store, executor, logs, ids });
    await recover({
      store,
      executor,
      logs,
      ranUntil: logs.usedAt,
      adopt: (job, running) => {
        worker.#starter.slots.adopt(job.owner).holdUntil(running.ended);
        return worker.#active.adopt(job, running);
      },
      onAdopted: (job, isConfirmed) => options.onAdopted?.(job, isConfirmed) ?? Promise.resolve(),
      onLost,
      onFault,
    });
    worker.#starter.slots.rejoin(await store.queued());
    opened.move();
    return worker;
  }

  /** How many jobs run, those that are just being started included, and how many are queued. */
  get counts(): { readonly running: number; readonly queued: number } {
    return this.#starter.slots.counts;
  }

  /**
   * Starts a command.
   *
   * @returns the job, which runs, or is queued if it may be
   * @throws `invalid_argument` for what could never start, `failed_precondition` for a program or a
   *   directory that cannot be used (with reason `ENOENT`, `EACCES` or `ENOTDIR`),
   *   `already_exists` if a job of the owner has the name, `resource_exhausted` if too many jobs run or wait, or the system has no room, `unavailable` during a
   *   shutdown
   */
  async start(options: StartOptions): Promise<Job> {
    return await this.#starter.start(options);
  }

  /**
   * Stops a job with everything that it started; one that is queued leaves the queue.
   *
   * @returns the job once it has ended
   * @throws `not_found`, `invalid_argument`, or `failed_precondition` if it had ended before
   */
  async stop(jobId: string, options: StopJobOptions = {}): Promise<Job> {
    const stopSignal = parseSignal(options.stopSignal ?? DEFAULT_STOP_SIGNAL, "stopSignal");
    if (options.gracePeriodMs !== undefined) {
      checkGracePeriod(options.gracePeriodMs, "gracePeriodMs");
    }
    const cancelled = await this.#queued.cancel(jobId);
    if (cancelled !== undefined) return cancelled;
    const { started, running, settled } = await this.#running(jobId, "stop");
    const gracePeriodMs = options.gracePeriodMs ?? started.execution.gracePeriodMs;
    await running.stop({ stopSignal, gracePeriodMs, reason: "stopped" });
    return await settled;
  }

  /**
   * Sends a signal to all processes of a job, which do with it what they like.
   *
   * @throws `not_found`, `invalid_argument`, or `failed_precondition` if it has ended
   */
  async signal(jobId: string, signal: string): Promise<Job> {
    const parsed = parseSignal(signal);
    const active = await this.#running(jobId, "signal");
    await active.running.signal(parsed);
    return await snapshotOf(active);
  }

  /**
   * Changes how long a job may run.
   *
   * @param timeoutMs counted from its start; 0: without bound
   * @throws `not_found`, `invalid_argument`, or `failed_precondition` if it has ended
   */
  async update(jobId: string, timeoutMs: number): Promise<Job> {
    const check = () => {
      checkTimeout(timeoutMs, "timeoutMs");
      checkMaxTimeout(timeoutMs, this.#policy.maxTimeoutMs, "timeoutMs");
    };
    const queued = await this.#queued.update(jobId, (job) => {
      check();
      return { ...job, execution: { ...job.execution, timeoutMs } };
    });
    if (queued !== undefined) return this.#queued.placed(queued);
    const active = await this.#running(jobId, "limit the time of");
    check();
    await active.running.setTimeLimit(timeoutMs);
    return await snapshotOf(active);
  }

  /**
   * Writes to the standard input of a job that was started with one, as fast as it reads.
   *
   * @param offset how many bytes of input came before these; those that were written before are skipped
   * @returns how many bytes of input have been accepted in all
   * @throws `not_found`, `out_of_range`, `failed_precondition` if the job has no input, or has closed it,
   *   `resource_exhausted` if too many wait to write; the reason of the signal
   */
  async writeInput(
    jobId: string,
    offset: number,
    data: Uint8Array<ArrayBuffer>,
    options: { signal?: AbortSignal } = {},
  ): Promise<number> {
    const { running } = await this.#running(jobId, "write to");
    return await running.writeInput(offset, data, options.signal);
  }

  /** Ends the input of a job: it reads end-of-file. */
  async closeInput(jobId: string): Promise<void> {
    const { running } = await this.#running(jobId, "write to");
    await running.closeInput();
  }

  async #running(jobId: string, verb: string): Promise<ActiveJob> {
    if (this.#queued.has(jobId)) {
      throw new JobWorkerError(
        "failed_precondition",
        `Cannot ${verb} job "${jobId}": it is queued, and has no process yet; a stop takes it out of the queue`,
      );
    }
    const active = await this.#active.find(jobId);
    if (active?.running.hasEnded === false) return active;
    const status = statusOf(await this.get(jobId));
    // If it still counts as running, its start has failed and the record could not be removed yet.
    const how = status === "running" ? "could not be started" : `has already ended (${status})`;
    throw new JobWorkerError("failed_precondition", `Cannot ${verb} job "${jobId}": it ${how}`);
  }

  /** @throws `not_found` */
  async get(jobId: string): Promise<Job> {
    return found(jobId, await this.#find(jobId));
  }

  /**
   * Whose job it is. For that nobody is asked how far it is.
   *
   * @throws `not_found`
   */
  async ownerOf(jobId: string): Promise<string> {
    return found(jobId, this.#active.begun(jobId) ?? await this.#store.get(jobId)).owner;
  }

  async #find(jobId: string): Promise<Job | undefined> {
    const active = await this.#active.get(jobId);
    if (active !== undefined) return active;
    const job = await this.#store.get(jobId);
    return job && this.#queued.placed(job);
  }

  /** Jobs that match, newest first, a page at a time. See {@linkcode JobStore.list}. */
  async list(filter: JobFilter, page: JobPage): Promise<Job[]> {
    const jobs = await this.#store.list(filter, page);
    return await Promise.all(
      jobs.map(async (job) => await this.#active.get(job.jobId) ?? this.#queued.placed(job)),
    );
  }

  /** See {@linkcode JobStore.countByStatus}. */
  async countByStatus(filter: JobFilter): Promise<StatusCounts> {
    return await this.#store.countByStatus(filter);
  }

  /**
   * Waits for a job to end. The signal ends the wait, not the job.
   *
   * @throws `not_found`; the reason of the signal
   */
  async wait(jobId: string, options: { signal?: AbortSignal } = {}): Promise<Job> {
    await this.#queued.left(jobId, options.signal);
    const active = await abortable(this.#active.find(jobId), options.signal);
    if (active === undefined) return await this.get(jobId);
    return await abortable(active.settled, options.signal);
  }

  /**
   * Reads the log of a job. The last batch carries the job if it has ended.
   *
   * @throws `not_found`, `out_of_range`; `data_loss` where the log has lost something; the reason of
   *   the signal
   */
  readLog(
    jobId: string,
    options: ReadJobLogOptions,
  ): AsyncGenerator<LogBatch<LogStream>, void, undefined> {
    return readJobLog(jobId, options, {
      logs: this.#logs,
      queued: this.#queued,
      find: (jobId) => this.#active.find(jobId),
      get: (jobId) => this.get(jobId),
      wait: (jobId, options) => this.wait(jobId, options),
    });
  }

  /**
   * The jobs that match, as they are now, then each again when its status changes, until the signal; one that then
   * no longer matches, once more.
   *
   * @param options.newest with how many of them it begins, the newest; 0, the default: with all
   */
  async *watch(
    filter: JobFilter,
    signal: AbortSignal,
    options: { readonly newest?: number } = {},
  ): AsyncGenerator<Job, never, undefined> {
    const watch = new JobWatch(filter, (jobId) => this.#find(jobId));
    this.#watches.add(watch);
    try {
      return yield* watch.jobs((page) => this.list(filter, page), signal, options);
    } finally {
      this.#watches.delete(watch);
    }
  }

  /** Removes finished jobs with their logs. A job whose log is being read stays. */
  async prune(options: PruneOptions): Promise<Pruned> {
    return await prune(options, { store: this.#store, logs: this.#logs, active: this.#active });
  }

  /**
   * Ends every job that runs and refuses new ones. Those in the queue stay in it.
   *
   * @param options.gracePeriodMs how long the jobs have between SIGTERM and SIGKILL; 0: SIGKILL at once
   */
  async shutdown(options: { gracePeriodMs: number }): Promise<void> {
    const started = this.#starter.close();
    // Including those that are just getting their process.
    await Promise.all([this.#stopAll(options), started.then(() => this.#stopAll(options))]);
  }

  /** Refuses new jobs, and has disposing leave those there are to the executor. */
  async handOver(): Promise<void> {
    this.#handedOver = true;
    await this.#starter.close();
  }

  /** Kills every job, unless they were handed over. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#handedOver) await this.shutdown({ gracePeriodMs: 0 });
    await this.#active[Symbol.asyncDispose]();
    await this.#logs[Symbol.asyncDispose]();
    await this.#executor[Symbol.asyncDispose]();
  }

  async #stopAll({ gracePeriodMs }: { readonly gracePeriodMs: number }): Promise<void> {
    const stopSignal = gracePeriodMs === 0 ? "KILL" : "TERM";
    await Promise.all(
      this.#active.all().map(async ({ running, settled }) => {
        // If the executor has died, so does the job.
        await running.stop({ stopSignal, gracePeriodMs, reason: "shutdown" }).catch(() => {});
        await settled;
      }),
    );
  }

  #tellWatches(job: Job): void {
    for (const watch of this.#watches) watch.tell(job);
  }
}

/** @throws `not_found` */
function found(jobId: string, job: Job | undefined): Job {
  if (job === undefined) throw new JobWorkerError("not_found", `No job "${jobId}"`);
  return job;
}
