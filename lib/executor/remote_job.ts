import type { JobOutcome, JobProgress, OpenLog, RunningJob, StopOptions } from "./executor.ts";
import { type LogState, MirroredLog } from "./mirrored_log.ts";
import type { CallExecutor, HeldJob, NoteName } from "./protocol.ts";

/** What a {@linkcode RemoteJob} is made of. */
export interface RemoteJobParts {
  /** The directory of its log. */
  readonly directory: string;
  readonly call: CallExecutor;
  /** If the executor is gone, so is what it would note. */
  readonly note: (name: NoteName) => void;
  /** How far the job is; `undefined` if the executor does not hold it any more. */
  readonly progress: () => Promise<JobProgress | undefined>;
  /** Called once the executor may forget it. */
  readonly onReleased: () => void;
}

/**
 * After how long we ask to be told how a log grows, if what is known of it will do at first. Most jobs have ended by
 * then, which is told unasked, as their first output is; a call and a note take both sides 0.2 ms.
 */
const FOLLOW_WITHIN_MS = 10;

/** The log of a job that has printed nothing: there is none on the disk. */
const NOTHING: LogState = { segments: [], endOffset: 0, closed: true };

/** A job that an executor in another process runs. */
export class RemoteJob implements RunningJob {
  readonly jobId: string;
  readonly ended: Promise<JobOutcome | null>;
  readonly #parts: RemoteJobParts;
  readonly #ended = Promise.withResolvers<JobOutcome | null>();
  readonly #log: MirroredLog;
  #process: Pick<HeldJob, "pid" | "processIdentity">;
  #isConfirmed: boolean;
  #hasEnded = false;
  #outcome: JobOutcome | null = null;
  #progress: JobProgress = { timeoutMs: 0, stdoutBytes: 0, stderrBytes: 0, logBytes: 0 };
  /** Whether it was started by us, so that we are told of its first output. */
  #isOurs = false;
  /** How many follow its log. */
  #followers = 0;
  /** Whether we are told each time that it grows. */
  #isFollowed = false;
  #followTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(held: Omit<HeldJob, "outcome">, parts: RemoteJobParts) {
    const { jobId, pid, processIdentity, isConfirmed } = held;
    this.jobId = jobId;
    this.#parts = parts;
    this.#process = { pid, processIdentity };
    this.#isConfirmed = isConfirmed;
    this.#log = new MirroredLog(parts.directory, () => parts.call("logState", { jobId }));
    this.ended = this.#ended.promise;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get processIdentity(): string {
    return this.#process.processIdentity;
  }

  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async progress(): Promise<JobProgress> {
    if (this.#outcome !== null) return this.#outcome;
    // If the executor has just died, the last that is known has to do.
    const progress = await this.#parts.progress().catch(() => undefined);
    return this.#progress = progress ?? this.#progress;
  }

  async openLog({ enough = Infinity }: { enough?: number | undefined } = {}): Promise<OpenLog> {
    if (this.#hasEnded) {
      // All of it is on the disk, and the executor may have forgotten the job.
      if (!this.#log.closed) await this.#log.readDisk();
      return { log: this.#log, [Symbol.dispose]: () => {} };
    }
    this.#followers++;
    let open = true;
    const leave = () => {
      if (open) this.#leaveLog();
      open = false;
    };
    const { endOffset } = this.#log;
    if (endOffset > enough || endOffset === 0 && enough === 0 && this.#isOurs) this.#followSoon();
    else {
      try {
        await this.#follow();
      } catch (error) {
        leave();
        throw error;
      }
    }
    return { log: this.#log, [Symbol.dispose]: leave };
  }

  async stop(options: StopOptions): Promise<void> {
    if (!this.#hasEnded) await this.#parts.call("stop", { jobId: this.jobId, options });
  }

  async signal(signal: string): Promise<void> {
    if (!this.#hasEnded) await this.#parts.call("signal", { jobId: this.jobId, signal });
  }

  async setTimeLimit(ms: number): Promise<void> {
    if (!this.#hasEnded) await this.#parts.call("setTimeLimit", { jobId: this.jobId, ms });
  }

  async writeInput(
    offset: number,
    data: Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<number> {
    return await this.#parts.call("writeInput", { jobId: this.jobId, offset }, {
      bytes: data,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async closeInput(): Promise<void> {
    await this.#parts.call("closeInput", { jobId: this.jobId });
  }

  confirm(): void {
    this.#isConfirmed = true;
    this.#parts.note("confirm");
  }

  release(): void {
    this.#parts.onReleased();
    this.#parts.note("release");
  }

  /** Takes over what its process is, which we have asked for. */
  launched(process: Pick<HeldJob, "pid" | "processIdentity">): void {
    this.#process = process;
    this.#isOurs = true;
  }

  /** Takes over what it came to. */
  end(outcome: JobOutcome): void {
    this.#outcome = outcome;
    this.#settle(outcome);
    if (isSilent(outcome)) this.#log.update(NOTHING);
    // Whoever could not be told how it grew has it now. What cannot be read is missed by its readers.
    else if (!this.#log.closed && this.#followers > 0) void this.#log.readDisk().catch(() => {});
  }

  /**
   * Takes over what is known of a job whose executor has died.
   *
   * @param outcome `null` if nobody will ever know
   */
  async orphaned(outcome: JobOutcome | null): Promise<void> {
    try {
      await this.#log.readDisk();
    } finally {
      this.#outcome = outcome;
      this.#settle(outcome);
    }
  }

  /** Takes over the state of its log, which has just changed. */
  logChanged(state: LogState): void {
    this.#log.update(state, performance.now());
  }

  #settle(outcome: JobOutcome | null): void {
    this.#hasEnded = true;
    this.#stopTimer();
    this.#ended.resolve(outcome);
  }

  /** Asks how far the log is, and to be told each time that it grows. */
  async #follow(): Promise<void> {
    this.#stopTimer();
    const isFirst = !this.#isFollowed;
    // Before the call: what it tells meanwhile is for us.
    this.#isFollowed = true;
    const { jobId } = this;
    try {
      this.#log.update(await this.#parts.call(isFirst ? "openLog" : "logState", { jobId }));
    } catch (error) {
      if (isFirst) this.#isFollowed = false;
      throw error;
    }
  }

  /** Does so unless the job has ended by then, or nobody reads its log any more. */
  #followSoon(): void {
    if (this.#isFollowed) return;
    // If that fails, the log is read once the job has ended.
    const follow = () => void this.#follow().catch(() => {});
    // Those who come later put it off for nobody.
    this.#followTimer ??= setTimeout(follow, FOLLOW_WITHIN_MS);
  }

  #stopTimer(): void {
    clearTimeout(this.#followTimer);
    this.#followTimer = undefined;
  }

  #leaveLog(): void {
    if (--this.#followers > 0) return;
    this.#stopTimer();
    if (this.#isFollowed) this.#parts.note("closeLog");
    this.#isFollowed = false;
  }
}

function isSilent({ stdoutBytes, stderrBytes }: JobOutcome): boolean {
  return stdoutBytes + stderrBytes === 0;
}
