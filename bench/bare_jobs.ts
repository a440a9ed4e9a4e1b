import { WakeUp } from "../lib/async/wake_up.ts";
import type { BareDisk } from "./bare_disk.ts";
import type { BareCommand, BareRun } from "./bare_run.ts";

/** What a client is told of a job's log. */
export interface BareMessage {
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
  readonly pieces: Uint8Array<ArrayBuffer>[];
  readonly changed: WakeUp;
  /** `null` while it runs. */
  code: number | null;
}

/** As much as a message of the daemon holds. */
const MESSAGE_BYTES = 256 * 1024;

/** Jobs whose output is kept in memory, for ever. */
export class BareJobs implements BareService {
  readonly #jobs = new Map<string, BareJob>();
  readonly #run: (command: BareCommand) => BareRun;
  readonly #disk: BareDisk | null;

  /** @param disk where they are recorded, if they are */
  constructor(run: (command: BareCommand) => BareRun, disk: BareDisk | null) {
    this.#run = run;
    this.#disk = disk;
  }

  async start(command: BareCommand): Promise<string> {
    const jobId = crypto.randomUUID();
    const job = { jobId, command, pieces: [], changed: new WakeUp(), code: null };
    this.#jobs.set(jobId, job);
    const run = this.#run(command);
    await run.next();
    const recorded = this.#disk?.started(job);
    void this.#follow(job, run, recorded);
    await recorded;
    return jobId;
  }

  async *messages(jobId: string): AsyncGenerator<BareMessage, void, undefined> {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return;
    for (let at = 0;;) {
      const changed = job.changed.next();
      const hasEnded = job.code !== null;
      while (at < job.pieces.length) {
        const from = at;
        for (let bytes = 0; at < job.pieces.length && bytes < MESSAGE_BYTES;) {
          bytes += job.pieces[at++]?.byteLength ?? 0;
        }
        yield { pieces: job.pieces.slice(from, at), hasEnded: false };
      }
      if (hasEnded) break;
      await changed;
    }
    yield { pieces: [], hasEnded: true };
  }

  async #follow(job: BareJob, run: BareRun, recorded: Promise<void> | undefined): Promise<void> {
    let piece = await run.next();
    for (; !piece.done; piece = await run.next()) {
      job.pieces.push(piece.value);
      job.changed.notify();
    }
    await recorded;
    await this.#disk?.ended({ ...job, code: piece.value }, job.pieces);
    job.code = piece.value;
    job.changed.notify();
  }
}
