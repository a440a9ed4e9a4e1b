import { abortable } from "../abortable.ts";
import { JobWorkerError } from "../errors.ts";
import { newId } from "../ids.ts";
import { checkCommand } from "./command.ts";
import { JobLog } from "./job_log.ts";
import type { JobPage, JobStore } from "./job_store.ts";
import { JobWatch } from "./job_watch.ts";
import { checkLabels } from "./labels.ts";
import { readLog, type ReadLogOptions } from "./log_reader.ts";
import { findStart } from "./log_start.ts";
import { LogWriter } from "./log_writer.ts";
import { MemoryStore } from "./memory_store.ts";
import { type LaunchTools, startProcess } from "./process.ts";
import { ProcessGroups } from "./process_groups.ts";
import { checkWorkingDirectory, findProgram } from "./program.ts";
import { RunningJob } from "./running_job.ts";
import { parseSignal } from "./signals.ts";
import { findTool } from "./tools.ts";
import {
  type Command,
  type Job,
  type JobFilter,
  type LogBatch,
  type LogStart,
  statusOf,
} from "./types.ts";

/** The environment that every job starts with, before its own variables. */
const CLEAN_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

const DEFAULT_STOP_SIGNAL = "SIGTERM";
const DEFAULT_GRACE_PERIOD_MS = 10_000;
const LONGEST_GRACE_PERIOD_MS = 24 * 60 * 60 * 1000;

/** Options of {@linkcode Worker.open}. */
export interface WorkerOptions {
  /** Absolute path of an existing directory, which belongs to this worker alone. */
  readonly dataDirectory: string;
  /** Where jobs are recorded; in memory by default. Stays open when the worker is disposed of. */
  readonly store?: JobStore;
  /** `HOME` and default working directory of the jobs; `/` by default. */
  readonly home?: string;
  /** Told what goes wrong and has no caller to be told to. */
  readonly onFault?: (error: unknown, job: Job) => void;
}

/** What {@linkcode Worker.start} starts. */
export interface StartOptions {
  readonly command: Pick<Command, "name"> & Partial<Command>;
  readonly owner: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** A repeat with the same value, by the same owner, returns the same job. */
  readonly requestId?: string;
  /** Once aborted, a job that has not started yet never does. */
  readonly signal?: AbortSignal;
}

/** How {@linkcode Worker.stop} stops. */
export interface StopJobOptions {
  /** A name or number as in signal(7); SIGTERM by default. */
  readonly stopSignal?: string;
  /** From that signal to SIGKILL, 10 s by default. */
  readonly gracePeriodMs?: number;
}

interface ActiveJob {
  readonly running: RunningJob;
  /** The job once it has ended and its end is recorded. */
  readonly settled: Promise<Job>;
}

/** Runs commands, each in a session of its own, and keeps their output and outcome. */
export class Worker implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #store: JobStore;
  readonly #tools: LaunchTools;
  readonly #groups: ProcessGroups;
  readonly #active = new Map<string, ActiveJob>();
  /** Starts under way, by their request if they have one. */
  readonly #starting = new Map<string, Promise<unknown>>();
  readonly #watches = new Set<JobWatch>();
  #shuttingDown = false;

  private constructor(options: WorkerOptions, tools: LaunchTools, groups: ProcessGroups) {
    this.#options = options;
    this.#store = options.store ?? new MemoryStore();
    this.#tools = tools;
    this.#groups = groups;
  }

  /**
   * Prepares a worker. Dispose of it to end its jobs.
   *
   * @throws `failed_precondition` if a program that it relies on is not installed
   */
  static async open(options: WorkerOptions): Promise<Worker> {
    const [setsid, prlimit, env, sh] = await Promise.all([
      findTool("setsid", { package: "util-linux" }),
      findTool("prlimit", { package: "util-linux" }),
      findTool("env", { package: "coreutils" }),
      findTool("sh", { package: "dash" }),
    ]);
    await Deno.mkdir(logsOf(options), { recursive: true, mode: 0o700 });
    return new Worker(options, { setsid, prlimit, env }, new ProcessGroups({ setsid, sh }));
  }

  /**
   * Starts a command.
   *
   * @returns the running job
   * @throws `invalid_argument` for what could never start, `failed_precondition` for a program or a
   *   directory that cannot be used (with reason `ENOENT`, `EACCES` or `ENOTDIR`),
   *   `resource_exhausted` if the system has no room, `unavailable` during a shutdown
   */
  async start(options: StartOptions): Promise<Job> {
    const { owner, requestId = "" } = options;
    const key = requestId === "" ? newId() : JSON.stringify([owner, requestId]);
    // A repeat waits for the one before, then looks what came of it: that one may have been aborted.
    const before = this.#starting.get(key) ?? Promise.resolve();
    const started = before.catch(() => {}).then(() => this.#startOnce(options));
    this.#starting.set(key, started);
    try {
      return await started;
    } finally {
      if (this.#starting.get(key) === started) this.#starting.delete(key);
    }
  }

  /**
   * Stops a job with everything that it started.
   *
   * @returns the job once it has ended
   * @throws `not_found`, `invalid_argument`, or `failed_precondition` if it had ended before
   */
  async stop(jobId: string, options: StopJobOptions = {}): Promise<Job> {
    const stopSignal = parseSignal(options.stopSignal ?? DEFAULT_STOP_SIGNAL);
    const gracePeriodMs = options.gracePeriodMs ?? DEFAULT_GRACE_PERIOD_MS;
    if (!(gracePeriodMs >= 0 && gracePeriodMs <= LONGEST_GRACE_PERIOD_MS)) {
      throw new JobWorkerError(
        "invalid_argument",
        `Invalid grace period ${gracePeriodMs} ms: accepted are 0 to 24 hours`,
      );
    }
    const active = this.#active.get(jobId);
    if (active === undefined || active.running.hasEnded) {
      const job = await this.get(jobId);
      throw new JobWorkerError(
        "failed_precondition",
        `Cannot stop job "${jobId}": it is already ${statusOf(job)}`,
      );
    }
    await active.running.stop({ stopSignal, gracePeriodMs, reason: "stopped" });
    return await active.settled;
  }

  /** @throws `not_found` */
  async get(jobId: string): Promise<Job> {
    const job = this.#active.get(jobId)?.running.snapshot() ?? await this.#store.get(jobId);
    if (job === undefined) throw new JobWorkerError("not_found", `No job "${jobId}"`);
    return job;
  }

  /** Jobs that match, newest first, a page at a time. */
  async list(filter: JobFilter, page: JobPage): Promise<Job[]> {
    const jobs = await this.#store.list(filter, page);
    return jobs.map((job) => this.#active.get(job.jobId)?.running.snapshot() ?? job);
  }

  /**
   * Waits for a job to end; the wait, not the job, is bounded by the signal.
   *
   * @throws `not_found`; the reason of the signal
   */
  async wait(jobId: string, options: { signal?: AbortSignal } = {}): Promise<Job> {
    const active = this.#active.get(jobId);
    if (active === undefined) return await this.get(jobId);
    return await abortable(active.settled, options.signal);
  }

  /**
   * Reads the log of a job. The last batch carries the job if that has ended.
   *
   * @throws `not_found`, `out_of_range`; the reason of the signal
   */
  async *readLog(
    jobId: string,
    options: Omit<ReadLogOptions, "offset"> & { readonly start: LogStart },
  ): AsyncGenerator<LogBatch, void, undefined> {
    const active = this.#active.get(jobId);
    const log = active?.running.log ?? await this.#openLog(jobId);
    const offset = await findStart(log, options.start, new Set(options.streams));
    // Look first, then read: what is printed after the last read, just before the end, must not be
    // taken for read.
    const toTheEnd = options.follow || log.closed;
    let nextOffset = offset;
    for await (const batch of readLog(log, { ...options, offset })) {
      nextOffset = batch.nextOffset;
      yield { ...batch, finishedJob: null };
    }
    if (toTheEnd) nextOffset = log.endOffset;
    const job = toTheEnd ? await this.wait(jobId, options) : null;
    yield { records: [], nextOffset, finishedJob: job?.end ? job : null };
  }

  /** The jobs that match, as they are, then each again when its status changes; ends by the signal. */
  async *watch(filter: JobFilter, signal: AbortSignal): AsyncGenerator<Job, never, undefined> {
    const watch = new JobWatch(filter);
    this.#watches.add(watch);
    try {
      const limit = 1000;
      for (let before: string | undefined, full = true; full;) {
        const page = await this.list(filter, {
          limit,
          ...(before === undefined ? {} : { before }),
        });
        yield* page;
        before = page.at(-1)?.jobId;
        full = page.length === limit;
      }
      return yield* watch.changes(signal);
    } finally {
      this.#watches.delete(watch);
    }
  }

  /**
   * Ends every job and refuses new ones.
   *
   * @param options.gracePeriodMs what the jobs get between SIGTERM and SIGKILL; 0 is SIGKILL at once
   */
  async shutdown(options: { gracePeriodMs: number }): Promise<void> {
    this.#shuttingDown = true;
    const { gracePeriodMs } = options;
    const stopSignal = gracePeriodMs === 0 ? "KILL" : "TERM";
    await Promise.all(
      [...this.#active.values()].map(async ({ running, settled }) => {
        await running.stop({ stopSignal, gracePeriodMs, reason: "shutdown" });
        await settled;
      }),
    );
    await Promise.allSettled(this.#starting.values());
  }

  /** Kills every job. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown({ gracePeriodMs: 0 });
    await this.#groups[Symbol.asyncDispose]();
  }

  async #startOnce(options: StartOptions): Promise<Job> {
    const { owner, requestId = "" } = options;
    const known = requestId === "" ? undefined : await this.#store.findByRequest(owner, requestId);
    return known === undefined ? await this.#start(options) : await this.get(known.jobId);
  }

  async #start(options: StartOptions): Promise<Job> {
    const command = { args: [], env: {}, workingDirectory: "", ...options.command };
    const labels = options.labels ?? {};
    this.#checkOpen();
    checkCommand(command);
    checkLabels(labels);
    const jobId = newId();
    const home = this.#options.home ?? "/";
    const env = { ...CLEAN_ENVIRONMENT, HOME: home, ...command.env, JOB_ID: jobId };
    const workingDirectory = command.workingDirectory || home;
    await checkWorkingDirectory(workingDirectory, this.#groups);
    const program = await findProgram(command.name, {
      path: env.PATH,
      workingDirectory,
      groups: this.#groups,
    });
    const writer = await LogWriter.create(`${logsOf(this.#options)}/${jobId}`);
    try {
      options.signal?.throwIfAborted();
      this.#checkOpen();
      const spec = { program, args: command.args, env, workingDirectory };
      const process = startProcess(spec, this.#tools);
      const job: Job = {
        jobId,
        command: { ...command, workingDirectory },
        pid: process.pid,
        owner: options.owner,
        labels,
        requestId: options.requestId ?? "",
        startedAt: Date.now(),
        stdoutBytes: 0,
        stderrBytes: 0,
        outputCut: false,
        end: null,
      };
      const onFault = this.#options.onFault ?? (() => {});
      const running = new RunningJob({ job, process, writer, groups: this.#groups, onFault });
      return await this.#record(running);
    } catch (error) {
      await writer[Symbol.asyncDispose]();
      await Deno.remove(`${logsOf(this.#options)}/${jobId}`, { recursive: true });
      throw error;
    }
  }

  #checkOpen(): void {
    if (!this.#shuttingDown) return;
    throw new JobWorkerError("unavailable", "The daemon is shutting down");
  }

  /** Records a job that has just started. One that cannot be recorded must not run. */
  async #record(running: RunningJob): Promise<Job> {
    const job = running.snapshot();
    const recorded = this.#store.put(job);
    const settled = this.#settle(running, recorded);
    this.#active.set(job.jobId, { running, settled });
    try {
      await recorded;
    } catch (error) {
      await running.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "shutdown" });
      await settled;
      this.#active.delete(job.jobId);
      throw error;
    }
    this.#tellWatches(job);
    return job;
  }

  async #settle(running: RunningJob, recorded: Promise<void>): Promise<Job> {
    const job = await running.ended;
    try {
      await recorded;
    } catch {
      return job; // Its start has failed, and told why.
    }
    try {
      await this.#store.put(job);
      this.#active.delete(job.jobId);
      this.#tellWatches(job);
    } catch (error) {
      // It stays among the active ones, so its end is known as long as this process lives.
      this.#options.onFault?.(error, job);
    }
    return job;
  }

  #tellWatches(job: Job): void {
    for (const watch of this.#watches) watch.tell(job);
  }

  async #openLog(jobId: string): Promise<JobLog> {
    await this.get(jobId);
    try {
      return await JobLog.open(`${logsOf(this.#options)}/${jobId}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new JobWorkerError("not_found", `The log of job "${jobId}" is gone`, { cause: error });
    }
  }
}

function logsOf(options: WorkerOptions): string {
  return `${options.dataDirectory}/logs`;
}
