import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { formatDuration } from "../text/duration.ts";
import { messageOf } from "../errors.ts";
import type { JobLog } from "../log/job_log.ts";
import type { JobTree } from "../process/job_tree.ts";
import { LogLimitError, type LogWriter } from "../log/log_writer.ts";
import { OutputPump } from "./output_pump.ts";
import type { Process } from "../process/process.ts";
import { JobInput } from "./job_input.ts";
import type { ExitStatus, Job, JobEnd, JobReason, JobUsage } from "../job/types.ts";

/** What the group of a job whose leader has ended by itself still gets between SIGTERM and SIGKILL. */
const LEFTOVER_GRACE_MS = 2_000;

/**
 * The tree holds its first process about a millisecond after the start, later on a busy machine: how
 * often to try again until a signal has reached it, from, to.
 */
const REACH_AGAIN_MS = { first: 1, last: 100 };

/** The longest delay that a timer knows. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** How often to look whether the processes that were signalled are gone: from, to. */
const LOOK_AGAIN_MS = { first: 2, last: 100 };

/** Why somebody ends a job. */
export type StopReason = Extract<JobReason, "stopped" | "timeout" | "log_limit" | "shutdown">;

/** How to end a job. */
export interface StopOptions {
  /** As kill(1) takes it, see {@linkcode parseSignal}. */
  readonly stopSignal: string;
  /** From that signal to SIGKILL, in milliseconds. */
  readonly gracePeriodMs: number;
  readonly reason: StopReason;
}

/** What a {@linkcode RunningJob} is made of. */
export interface RunningJobParts {
  /** The job as it is at its start. */
  readonly job: Job;
  readonly process: Process;
  readonly writer: LogWriter;
  readonly tree: JobTree;
  /** Told what a user of the job cannot be told. */
  readonly onFault: (error: unknown, job: Job) => void;
}

/** A job from its first process to its last byte. */
export class RunningJob {
  /** The job once it has ended. Never rejects. */
  readonly ended: Promise<Job>;
  readonly #parts: RunningJobParts;
  readonly #pump: OutputPump;
  /** What is left of the job. After the last process, its ids may be those of strangers. */
  #alive: "leader" | "leftovers" | "nothing" = "leader";
  readonly #leaderEnded = new AbortController();
  #final: Job | null = null;
  /** The first stop that came before the end of the leader. */
  #stop: StopOptions | null = null;
  /** Why the end of the output could not be stored. */
  #logFault: string | null = null;
  readonly #startedAt = performance.now();
  /** Its standard input; `null` where that is /dev/null. */
  readonly input: JobInput | null;
  /** When its time is up, counted from its start; `Infinity`: never. */
  #timeoutMs = Infinity;
  #timeoutTimer: ReturnType<typeof setTimeout> | undefined;
  /** When SIGKILL is due, by `performance.now()`. */
  #killAt = Infinity;
  #killTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: RunningJobParts) {
    this.#parts = parts;
    const { process, writer, job, onFault } = parts;
    const endFor = (error: unknown) => {
      const isLimit = error instanceof LogLimitError;
      if (!isLimit) onFault(error, job);
      const why = messageOf(error);
      void this.#endForLog(isLimit ? why : `The output cannot be stored: ${why}`);
    };
    this.#pump = new OutputPump(process, writer, endFor);
    void writer.broken.then(endFor);
    this.input = process.stdin === null ? null : new JobInput(process.stdin);
    this.setTimeLimit(job.execution.timeoutMs);
    this.ended = this.#run();
  }

  /** What the job has printed. */
  get log(): JobLog {
    return this.#parts.writer.log;
  }

  get hasEnded(): boolean {
    return this.#final !== null;
  }

  /** The job as it is now. */
  snapshot(): Job {
    if (this.#final !== null) return this.#final;
    const { writer: { log } } = this.#parts;
    const timeoutMs = this.#timeoutMs === Infinity ? 0 : this.#timeoutMs;
    const execution = { ...this.#parts.job.execution, timeoutMs };
    const job = { ...this.#parts.job, execution };
    const { stdoutBytes, stderrBytes, diskBytes: logBytes } = log;
    return { ...job, stdoutBytes, stderrBytes, logBytes };
  }

  /**
   * Ends the job and all that it started: the signal, the grace period, SIGKILL. Of several stops
   * each signal is sent once, and the earliest deadline holds, so a later and harsher stop has its way.
   *
   * @returns the job once it has ended
   */
  async stop(options: StopOptions): Promise<Job> {
    if (this.#alive === "nothing") return await this.ended;
    if (this.#alive === "leader") this.#stop ??= options;
    const { stopSignal } = options;
    this.#scheduleKill(stopSignal === "KILL" ? 0 : options.gracePeriodMs);
    if (stopSignal !== "KILL") await this.#reach(() => this.#parts.tree.signal(stopSignal));
    return await this.ended;
  }

  /** Sends a signal to all that is alive, and leaves the job to it. */
  async signal(signal: string): Promise<void> {
    if (this.#alive === "nothing") return;
    if (signal === "KILL") this.#scheduleKill(0);
    else await this.#reach(() => this.#parts.tree.signalAgain(signal));
  }

  /**
   * Ends the job so long after its start, at once if that has passed.
   *
   * @param ms 0: never
   */
  setTimeLimit(ms: number): void {
    this.#timeoutMs = ms === 0 ? Infinity : ms;
    clearTimeout(this.#timeoutTimer);
    if (this.#alive !== "leader" || this.#timeoutMs === Infinity) return;
    // By the monotonic clock, which nobody sets.
    const left = this.#startedAt + this.#timeoutMs - performance.now();
    this.#timeoutTimer = setTimeout(() => {
      if (left > MAX_DELAY_MS) this.setTimeLimit(ms);
      else void this.#endFor("timeout");
    }, Math.min(Math.max(left, 0), MAX_DELAY_MS));
  }

  /** The life of a job in three steps: its leader, what the leader left behind, its last bytes. */
  async #run(): Promise<Job> {
    const { process, job, writer } = this.#parts;
    const exitStatus = await process.exit;
    this.#alive = "leftovers";
    this.#leaderEnded.abort();
    clearTimeout(this.#timeoutTimer);
    this.input?.abandon();
    // By the monotonic clock, so that no job ends before it has begun; nor before what it printed.
    const elapsed = Math.round(performance.now() - this.#startedAt);
    const finishedAt = writer.endAt(job.startedAt + elapsed);
    const end = endOf(exitStatus, this.#stop?.reason ?? null, finishedAt);
    const escalation = this.#escalation(exitStatus);
    const usage = await this.#endLeftovers();
    const outputTruncated = await this.#pump.drain();
    // Nobody is told of the end before the log is on the disk. If it cannot be, `broken` tells.
    await writer.flush().catch(() => {});
    await writer[Symbol.asyncDispose]();
    const detail = this.#logFault ?? (usage?.oomKills ? outOfMemory(usage) : escalation);
    this.#final = {
      ...this.snapshot(),
      usage,
      outputTruncated: outputTruncated || this.#logFault !== null,
      end: detail === null ? end : { ...end, detail },
    };
    return this.#final;
  }

  /** What a stop came to that had to go on to SIGKILL: of two signals, the exit status shows one. */
  #escalation(exitStatus: ExitStatus): string | null {
    const killed = "signal" in exitStatus && exitStatus.signal === "SIGKILL";
    if (this.#stop === null || !killed || performance.now() < this.#killAt) return null;
    const { stopSignal, gracePeriodMs } = this.#stop;
    if (stopSignal === "KILL" || gracePeriodMs === 0) return null;
    return `${nameOf(stopSignal)} did not end it within ${
      formatDuration(gracePeriodMs)
    }, SIGKILL did`;
  }

  /** Nothing runs on whose output cannot be stored. */
  async #endForLog(why: string): Promise<void> {
    this.#logFault ??= why;
    await this.#endFor("log_limit");
  }

  async #endFor(reason: "timeout" | "log_limit"): Promise<void> {
    const { job, onFault } = this.#parts;
    const { gracePeriodMs } = job.execution;
    try {
      await this.stop({ stopSignal: "TERM", gracePeriodMs, reason });
    } catch (error) {
      onFault(error, job);
    }
  }

  /** Ends what is left of the tree. Returns what was used in it. */
  async #endLeftovers(): Promise<JobUsage | null> {
    const { job, tree, onFault } = this.#parts;
    try {
      const nextWait = doubling(LOOK_AGAIN_MS);
      for (;;) {
        const release = await tree.release();
        if (release.empty) return release.usage;
        // A stop has said when to kill it.
        if (this.#stop === null) this.#scheduleKill(LEFTOVER_GRACE_MS);
        if (performance.now() < this.#killAt) await tree.signal("TERM");
        else await tree.kill();
        await delay(nextWait());
      }
    } catch (error) {
      onFault(error, job);
      return null;
    } finally {
      this.#alive = "nothing";
      clearTimeout(this.#killTimer);
    }
  }

  #scheduleKill(afterMs: number): void {
    const killAt = performance.now() + afterMs;
    if (killAt >= this.#killAt) return;
    this.#killAt = killAt;
    clearTimeout(this.#killTimer);
    this.#killTimer = setTimeout(() => void this.#kill(), afterMs);
  }

  async #kill(): Promise<void> {
    const { job, tree, onFault } = this.#parts;
    try {
      // Only the end of the leader tells that it was in its tree already.
      await this.#reach(async () => {
        await tree.kill();
        return false;
      });
    } catch (error) {
      onFault(error, job);
    }
  }

  /** Sends what is to be sent until it reaches something, or the leader has ended. */
  async #reach(send: () => Promise<boolean>): Promise<void> {
    const nextWait = doubling(REACH_AGAIN_MS);
    while (!await send() && this.#alive === "leader") {
      await delay(nextWait(), this.#leaderEnded).catch(() => {});
    }
  }
}

function outOfMemory({ oomKills }: JobUsage): string {
  return `Out of memory: the kernel killed ${oomKills} of its processes`;
}

/** Of a signal as kill(1) takes it. */
function nameOf(signal: string): string {
  return /^\d/.test(signal) ? `Signal ${signal}` : `SIG${signal}`;
}

function endOf(
  exitStatus: ExitStatus,
  stopReason: StopReason | null,
  finishedAt: number,
): JobEnd {
  if (stopReason !== null) {
    const byRequest = stopReason === "stopped" || stopReason === "shutdown";
    const status = byRequest ? "cancelled" : "failed";
    return { status, reason: stopReason, exitStatus, finishedAt };
  }
  if ("signal" in exitStatus) {
    return { status: "failed", reason: "signaled", exitStatus, finishedAt };
  }
  const status = exitStatus.code === 0 ? "done" : "failed";
  return { status, reason: "exited", exitStatus, finishedAt };
}
