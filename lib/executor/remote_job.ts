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
  /** How many follow its log. */
  #followers = 0;

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
      if (isSilent(this.#outcome)) this.#log.update(NOTHING);
      else if (!this.#log.closed) await this.#log.readDisk();
      return { log: this.#log, [Symbol.dispose]: () => {} };
    }
    // Before the call: what it tells meanwhile is for us.
    const isFirst = this.#followers++ === 0;
    const { jobId } = this;
    const asked = this.#parts.call(isFirst ? "openLog" : "logState", { jobId })
      .then((state) => this.#log.update(state));
    if (this.#log.endOffset > enough) void asked.catch(() => this.#readAtEnd());
    else {
      try {
        await asked;
      } catch (error) {
        this.#leaveLog();
        throw error;
      }
    }
    let open = true;
    return {
      log: this.#log,
      [Symbol.dispose]: () => {
        if (open) this.#leaveLog();
        open = false;
      },
    };
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

  /** Takes over what its process is. */
  launched(process: Pick<HeldJob, "pid" | "processIdentity">): void {
    this.#process = process;
  }

  /** Takes over what it came to. */
  end(outcome: JobOutcome): void {
    this.#outcome = outcome;
    this.#settle(outcome);
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

  /** Takes over the state of its log. */
  logChanged(state: LogState): void {
    this.#log.update(state);
  }

  #settle(outcome: JobOutcome | null): void {
    this.#hasEnded = true;
    this.#ended.resolve(outcome);
  }

  /** Whoever follows the log of a job, and cannot be told how it grows, has it once the job has ended. */
  async #readAtEnd(): Promise<void> {
    await this.#ended.promise;
    // What cannot be read is missed by its readers.
    await this.#log.readDisk().catch(() => {});
  }

  #leaveLog(): void {
    if (--this.#followers > 0) return;
    this.#parts.note("closeLog");
  }
}

function isSilent(outcome: JobOutcome | null): boolean {
  return outcome !== null && outcome.stdoutBytes + outcome.stderrBytes === 0;
}
