import { WakeUp } from "../lib/async/wake_up.ts";
import type { BareDisk } from "./bare_disk.ts";
import type { BareLogs } from "./bare_logs.ts";
import type { BareCommand, BareRun, BareState } from "./bare_run.ts";

/** What a client is told of a job's log. */
export interface BareMessage {
  /** They are good until the next message is asked for. */
  readonly pieces: readonly Uint8Array<ArrayBuffer>[];
  /** The last message has none. */
  readonly hasEnded: boolean;
}

/** The two methods of the contract that the bench needs. */
export interface BareService {
  /** Starts a job, and returns its id. */
  start(command: BareCommand): Promise<string>;
  /** What it prints, to its end. */
  messages(jobId: string): AsyncIterable<BareMessage>;
}

interface BareJob {
  readonly jobId: string;
  readonly command: BareCommand;
  readonly changed: WakeUp;
  state: BareState;
}

/** Jobs, and what of them is told to clients. */
export class BareJobs implements BareService {
  readonly #jobs = new Map<string, BareJob>();
  readonly #run: (jobId: string, command: BareCommand) => BareRun;
  readonly #logs: Pick<BareLogs, "read">;
  readonly #disk: BareDisk | null;
  readonly #isCareful: boolean;

  /**
   * @param logs where they print to
   * @param disk where they are recorded, if they are
   * @param isCareful whether that is before there is a process, too
   */
  constructor(
    run: (jobId: string, command: BareCommand) => BareRun,
    logs: Pick<BareLogs, "read">,
    disk: BareDisk | null,
    { isCareful = false }: { readonly isCareful?: boolean } = {},
  ) {
    this.#run = run;
    this.#logs = logs;
    this.#disk = disk;
    this.#isCareful = isCareful;
  }

  async start(command: BareCommand): Promise<string> {
    const jobId = crypto.randomUUID();
    const state: BareState = { bytes: 0, code: null };
    const job = { jobId, command, changed: new WakeUp(), state };
    this.#jobs.set(jobId, job);
    if (this.#isCareful) await this.#disk?.begun({ jobId, command, code: null });
    const run = this.#run(jobId, command);
    await run.next();
    const recorded = this.#disk?.started({ jobId, command, code: null });
    void this.#follow(job, run, recorded);
    await recorded;
    return jobId;
  }

  async *messages(jobId: string): AsyncGenerator<BareMessage, void, undefined> {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return;
    using reader = this.#logs.read(jobId);
    for (let read = 0;;) {
      // In this order, so that what comes in between is not missed.
      const changed = job.changed.next();
      const { bytes, code } = job.state;
      while (read < bytes) {
        const pieces = await reader.next(bytes - read);
        for (const { byteLength } of pieces) read += byteLength;
        yield { pieces, hasEnded: false };
      }
      if (code !== null) break;
      await changed;
    }
    yield { pieces: [], hasEnded: true };
  }

  async #follow(job: BareJob, run: BareRun, recorded: Promise<void> | undefined): Promise<void> {
    for await (const state of run) {
      if (state.code !== null) {
        await recorded;
        const { jobId, command } = job;
        await this.#disk?.ended({ jobId, command, code: state.code });
      }
      job.state = state;
      job.changed.notify();
    }
  }
}
