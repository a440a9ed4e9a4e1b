import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Execution, ExitStatus, JobEnd, JobUsage } from "../job/types.ts";
import type { JobLog } from "../log/job_log.ts";
import { LogLimitError, type LogWriter } from "../log/log_writer.ts";
import type { JobTree } from "../process/job_tree.ts";
import type { Process } from "../process/process.ts";
import { formatDuration } from "../text/duration.ts";
import type {
  JobOutcome,
  JobProgress,
  OpenLog,
  RunningJob,
  StopOptions,
  StopReason,
} from "./executor.ts";
import { JobInput } from "./job_input.ts";
import { KillTimer } from "./kill_timer.ts";
import { OutputPump } from "./output_pump.ts";
import { TimeLimit } from "./time_limit.ts";

/** What the group of a job whose leader has ended by itself still gets between SIGTERM and SIGKILL. */
const LEFTOVER_GRACE_MS = 2_000;

/**
 * The tree holds its first process about a millisecond after the start, later on a busy machine: how
 * often to try again until a signal has reached it, from, to.
 */
const REACH_AGAIN_MS = { first: 1, last: 100 };

/** How long what cannot be asked of the tree is tried again, before the job counts as ended without that. */
const ASK_WITHIN_MS = 30_000;

/** How often to look whether the processes that were signalled are gone: from, to. */
const LOOK_AGAIN_MS = { first: 2, last: 100 };

/**
 * The life of a job.
 *
 * ```text
 *  running ── leader exits ──▶ leftovers ── tree is empty ──▶ draining ── last byte on disk ──▶ ended
 *   │   ▲                       │   ▲
 *   └───┘ signal, stop,         └───┘ TERM, then KILL
 *         timeout, log limit
 * ```
 */
type State =
  /** The leader is alive; `stop` is the first that came. */
  | { readonly kind: "running"; readonly stop: StopOptions | null }
  /** The leader has exited, and what it left behind is being ended. */
  | { readonly kind: "leftovers"; readonly stop: StopOptions | null }
  /** No process is left, and the ids of the job may be those of strangers; the pipes still hold output. */
  | { readonly kind: "draining" }
  | { readonly kind: "ended"; readonly outcome: JobOutcome };

/** What a {@linkcode LocalJob} is made of. */
export interface LocalJobParts {
  readonly jobId: string;
  readonly execution: Pick<Execution, "timeoutMs" | "gracePeriodMs">;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly process: Process;
  readonly writer: LogWriter;
  readonly tree: JobTree;
  /** Removes what the job has left elsewhere; called once it has no process any more. Never rejects. */
  readonly cleanUp: () => Promise<void>;
  /** Called for errors that cannot be reported to the job's user. */
  readonly onFault: (error: unknown) => void;
}

/** A job that runs below this process, from its first process to its last byte. */
export class LocalJob implements RunningJob {
  readonly jobId: string;
  readonly pid: number;
  /** Learnt after the start; `""` where a cgroup tells its processes from others. */
  processIdentity = "";
  isConfirmed = false;
  readonly ended: Promise<JobOutcome>;
  readonly #parts: LocalJobParts;
  readonly #input: JobInput | null;
  readonly #pump: OutputPump;
  readonly #timeLimit = new TimeLimit(() => void this.#endFor("timeout"));
  readonly #killTimer = new KillTimer(() => void this.#kill());
  /** What is being sent to the tree. */
  readonly #sending = new Set<Promise<void>>();
  readonly #leaderExited = new AbortController();
  #state: State = { kind: "running", stop: null };
  /** Why the end of the output could not be stored. */
  #logFault: string | null = null;

  constructor(parts: LocalJobParts) {
    this.#parts = parts;
    const { process, writer, onFault } = parts;
    this.jobId = parts.jobId;
    this.pid = process.pid;
    this.#input = process.stdin === null ? null : new JobInput(process.stdin);
    const endFor = (error: unknown) => {
      const isLimit = error instanceof LogLimitError;
      if (!isLimit) onFault(error);
      const why = messageOf(error);
      this.#logFault ??= isLimit ? why : `The output cannot be stored: ${why}`;
      // Nothing runs on whose output cannot be stored.
      void this.#endFor("log_limit");
    };
    this.#pump = new OutputPump(process, writer, endFor);
    void writer.broken.then(endFor);
    this.#timeLimit.set(parts.execution.timeoutMs);
    this.ended = this.#run();
  }

  get log(): JobLog {
    return this.#parts.writer.log;
  }

  get hasEnded(): boolean {
    return this.#state.kind === "ended";
  }

  progress(): Promise<JobProgress> {
    return Promise.resolve(this.#progress);
  }

  openLog(): Promise<OpenLog> {
    return Promise.resolve({ log: this.log, [Symbol.dispose]: () => {} });
  }

  async stop(options: StopOptions): Promise<void> {
    if (!this.#hasProcesses) return;
    if (this.#state.kind === "running" && this.#state.stop === null) {
      this.#state = { kind: "running", stop: options };
    }
    const { stopSignal } = options;
    this.#killTimer.schedule(stopSignal === "KILL" ? 0 : options.gracePeriodMs);
    if (stopSignal !== "KILL") await this.#reach(() => this.#parts.tree.signal(stopSignal));
  }

  async signal(signal: string): Promise<void> {
    if (!this.#hasProcesses) return;
    if (signal === "KILL") this.#killTimer.schedule(0);
    else await this.#reach(() => this.#parts.tree.signalAgain(signal));
  }

  setTimeLimit(ms: number): Promise<void> {
    if (this.#state.kind === "running") this.#timeLimit.set(ms);
    return Promise.resolve();
  }

  async writeInput(
    offset: number,
    data: Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<number> {
    return await this.#inputOf().write(offset, data, signal);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async closeInput(): Promise<void> {
    this.#inputOf().close();
  }

  confirm(): void {
    this.isConfirmed = true;
  }

  release(): void {}

  get #progress(): JobProgress {
    const { stdoutBytes, stderrBytes, diskBytes: logBytes } = this.log;
    return { timeoutMs: this.#timeLimit.ms, stdoutBytes, stderrBytes, logBytes };
  }

  #inputOf(): JobInput {
    if (this.#input !== null) return this.#input;
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot write to job "${this.jobId}": it was started without an input`,
    );
  }

  get #hasProcesses(): boolean {
    return this.#state.kind === "running" || this.#state.kind === "leftovers";
  }

  /** The life of a job in three steps: its leader, what the leader left behind, its last bytes. */
  async #run(): Promise<JobOutcome> {
    const { process, startedAt, writer, cleanUp } = this.#parts;
    const exitStatus = await process.exit;
    const stop = this.#state.kind === "running" ? this.#state.stop : null;
    this.#state = { kind: "leftovers", stop };
    // Without a reason it would make an error, whose stack takes longer to take down than all else here.
    this.#leaderExited.abort("exited");
    this.#timeLimit.stop();
    this.#input?.abandon();
    // By the monotonic clock, so that no job ends before it has begun; nor before what it printed.
    const finishedAt = writer.endAt(startedAt + Math.round(this.#timeLimit.elapsedMs));
    const end = endOf(exitStatus, stop?.reason ?? null, finishedAt);
    const escalation = this.#escalation(exitStatus, stop);
    const usage = await this.#endLeftovers(stop);
    this.#state = { kind: "draining" };
    const cleaned = cleanUp();
    // Whoever owns the tree may close it once we have ended.
    await Promise.allSettled(this.#sending);
    const truncated = await this.#pump.drain();
    // Nobody is told of the end before the log is on the disk. If it cannot be, `broken` tells.
    await writer.flush().catch(() => {});
    await writer[Symbol.asyncDispose]();
    await cleaned;
    const detail = this.#logFault ?? (usage?.oomKills ? outOfMemory(usage) : escalation);
    const outcome = {
      ...this.#progress,
      usage,
      outputTruncated: truncated || this.#logFault !== null,
      end: detail === null ? end : { ...end, detail },
    };
    this.#state = { kind: "ended", outcome };
    return outcome;
  }

  /** What is said of a stop that had to go on to SIGKILL: of the two signals, the exit status shows one. */
  #escalation(exitStatus: ExitStatus, stop: StopOptions | null): string | null {
    const killed = "signal" in exitStatus && exitStatus.signal === "SIGKILL";
    if (stop === null || !killed || !this.#killTimer.isDue) return null;
    const { stopSignal, gracePeriodMs } = stop;
    if (stopSignal === "KILL" || gracePeriodMs === 0) return null;
    const name = /^\d/.test(stopSignal) ? `Signal ${stopSignal}` : `SIG${stopSignal}`;
    return `${name} did not end it within ${formatDuration(gracePeriodMs)}, SIGKILL did`;
  }

  async #endFor(reason: "timeout" | "log_limit"): Promise<void> {
    const { execution: { gracePeriodMs }, onFault } = this.#parts;
    try {
      await this.stop({ stopSignal: "TERM", gracePeriodMs, reason });
    } catch (error) {
      onFault(error);
    }
  }

  /** Ends what is left of the tree. Returns what was used in it. */
  async #endLeftovers(stop: StopOptions | null): Promise<JobUsage | null> {
    const { tree, onFault } = this.#parts;
    const nextWait = doubling(LOOK_AGAIN_MS);
    let failingSince: number | null = null;
    try {
      for (;;) {
        try {
          const release = await tree.release();
          if (release.empty) return release.usage;
          // A stop has said when to kill it.
          if (stop === null) this.#killTimer.schedule(LEFTOVER_GRACE_MS);
          if (this.#killTimer.isDue) await tree.kill();
          else await tree.signal("TERM");
          failingSince = null;
        } catch (error) {
          failingSince ??= performance.now();
          if (performance.now() - failingSince > ASK_WITHIN_MS) {
            onFault(error);
            return null;
          }
        }
        await delay(nextWait());
      }
    } finally {
      this.#killTimer.stop();
    }
  }

  async #kill(): Promise<void> {
    const { tree, onFault } = this.#parts;
    let isReported = false;
    // Only the end of the leader tells that it was in its tree already.
    await this.#reach(async () => {
      try {
        await tree.kill();
      } catch (error) {
        // What may pass is no reason to let it live.
        if (!isReported) onFault(error);
        isReported = true;
      }
      return false;
    });
  }

  /** Sends what is to be sent until it reaches something, or the leader has exited. */
  async #reach(send: () => Promise<boolean>): Promise<void> {
    const sending = this.#sendUntilReached(send);
    this.#sending.add(sending);
    try {
      await sending;
    } finally {
      this.#sending.delete(sending);
    }
  }

  async #sendUntilReached(send: () => Promise<boolean>): Promise<void> {
    const nextWait = doubling(REACH_AGAIN_MS);
    while (!await send() && this.#state.kind === "running") {
      await delay(nextWait(), this.#leaderExited).catch(() => {});
    }
  }
}

function outOfMemory({ oomKills }: JobUsage): string {
  return `Out of memory: the kernel killed ${oomKills} of its processes`;
}

/** What a job is that was ended: cancelled if somebody wanted that. */
const STOP_STATUSES: Readonly<Record<StopReason, JobEnd["status"]>> = {
  stopped: "cancelled",
  shutdown: "cancelled",
  timeout: "failed",
  log_limit: "failed",
};

function endOf(
  exitStatus: ExitStatus,
  stopReason: StopReason | null,
  finishedAt: number,
): JobEnd {
  if (stopReason !== null) {
    return { status: STOP_STATUSES[stopReason], reason: stopReason, exitStatus, finishedAt };
  }
  if ("signal" in exitStatus) {
    return { status: "failed", reason: "signaled", exitStatus, finishedAt };
  }
  const status = exitStatus.code === 0 ? "done" : "failed";
  return { status, reason: "exited", exitStatus, finishedAt };
}
