import { delay } from "../delay.ts";
import { messageOf } from "../errors.ts";
import type { JobLog } from "./job_log.ts";
import { LogLimitError, type LogWriter } from "./log_writer.ts";
import { OutputPump } from "./output_pump.ts";
import type { Process } from "./process.ts";
import type { ProcessGroups } from "./process_groups.ts";
import type { ExitStatus, Job, JobEnd, JobReason } from "./types.ts";

/** What the group of a job whose leader has ended by itself still gets between SIGTERM and SIGKILL. */
const LEFTOVER_GRACE_MS = 2_000;

/** The group exists once setsid(1) has run, about a millisecond after the start. */
const GROUP_RETRY_MS = 1;

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
  readonly groups: ProcessGroups;
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
  #final: Job | null = null;
  /** Set by the first stop that came before the end of the leader. */
  #stopReason: StopReason | null = null;
  /** What was sent to whom, as `"TERM 4242"`. */
  readonly #signalsSent = new Set<string>();
  /** Why the end of the output could not be stored. */
  #logFault: string | null = null;
  readonly #startedAt = performance.now();
  /** When SIGKILL is due, by `performance.now()`. */
  #killAt = Infinity;
  #killTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: RunningJobParts) {
    this.#parts = parts;
    const { process, writer, job, onFault } = parts;
    this.#pump = new OutputPump(process, writer, (error) => {
      if (!(error instanceof LogLimitError)) onFault(error, job);
      this.#endForLog(messageOf(error)).catch((error) => onFault(error, job));
    });
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
    const { job, writer: { log } } = this.#parts;
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
    if (this.#alive === "leader") this.#stopReason ??= options.reason;
    const { stopSignal } = options;
    this.#scheduleKill(stopSignal === "KILL" ? 0 : options.gracePeriodMs);
    if (stopSignal !== "KILL") await this.#signalTree(stopSignal);
    return await this.ended;
  }

  /** The life of a job in three steps: its leader, what the leader left behind, its last bytes. */
  async #run(): Promise<Job> {
    const { process, job, writer, onFault } = this.#parts;
    const exitStatus = await process.exit;
    this.#alive = "leftovers";
    // By the monotonic clock, so that no job ends before it has begun.
    const finishedAt = job.startedAt + Math.round(performance.now() - this.#startedAt);
    const end = endOf(exitStatus, this.#stopReason, finishedAt);
    try {
      await this.#endLeftovers();
    } catch (error) {
      onFault(error, job);
    } finally {
      this.#alive = "nothing";
      clearTimeout(this.#killTimer);
    }
    const outputCut = await this.#pump.drain();
    await writer[Symbol.asyncDispose]();
    const detail = this.#logFault;
    this.#final = {
      ...this.snapshot(),
      outputCut: outputCut || detail !== null,
      end: detail === null ? end : { ...end, detail },
    };
    return this.#final;
  }

  /** Nothing runs on whose output cannot be stored. */
  async #endForLog(why: string): Promise<void> {
    this.#logFault ??= why;
    const reason = "log_limit";
    await this.stop({ stopSignal: "TERM", gracePeriodMs: LEFTOVER_GRACE_MS, reason });
  }

  async #endLeftovers(): Promise<void> {
    const { groups, process: { pid } } = this.#parts;
    // A stop has told the group already, and said when to kill it.
    if (this.#stopReason === null) {
      if (!await this.#signalGroup("TERM", pid)) return;
      this.#scheduleKill(LEFTOVER_GRACE_MS);
    }
    for (let wait = LOOK_AGAIN_MS.first;; wait = Math.min(2 * wait, LOOK_AGAIN_MS.last)) {
      const alive = await groups.liveGroups(pid);
      if (alive.length === 0) return;
      const signal = performance.now() < this.#killAt ? "TERM" : "KILL";
      for (const group of alive) await this.#signalGroup(signal, group);
      await delay(wait);
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
    const { job, onFault } = this.#parts;
    try {
      await this.#signalTree("KILL");
    } catch (error) {
      onFault(error, job);
    }
  }

  /** Signals the group of the leader, and every other group of its session. */
  async #signalTree(signal: string): Promise<void> {
    const { groups, process: { pid } } = this.#parts;
    while (!await this.#signalGroup(signal, pid) && this.#alive === "leader") {
      await delay(GROUP_RETRY_MS);
    }
    for (const group of await groups.liveGroups(pid)) await this.#signalGroup(signal, group);
  }

  /**
   * Signals a group, but not with the same signal again, and lets it go on if it is suspended.
   *
   * @returns false if there is no such group
   */
  async #signalGroup(signal: string, group: number): Promise<boolean> {
    const { groups } = this.#parts;
    if (signal === "KILL") return await groups.signal(signal, group);
    const sent = `${signal} ${group}`;
    if (this.#signalsSent.has(sent)) return true;
    this.#signalsSent.add(sent);
    const exists = await groups.signal(signal, group);
    if (exists) await groups.signal("CONT", group);
    else this.#signalsSent.delete(sent);
    return exists;
  }
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
