import { abortable } from "../async/abortable.ts";
import { Semaphore } from "../async/semaphore.ts";
import { JobWorkerError } from "../errors.ts";

/** How many writes may wait for the one before them, each holding its bytes. */
const MAX_WAITING = 4;

/**
 * The standard input of a job. It counts bytes, so that a writer whose connection broke can say where it
 * resumes, and nothing is written twice.
 */
export class JobInput {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  /** How many bytes were accepted. */
  #accepted = 0;
  #open = true;
  readonly #abandoned = new AbortController();
  readonly #turns = new Semaphore({
    total: 1,
    maxWaiting: MAX_WAITING,
    refusal: `More than ${MAX_WAITING} writes wait until the job reads its input`,
  });

  constructor(stdin: WritableStream<Uint8Array<ArrayBuffer>>) {
    this.#writer = stdin.getWriter();
    // When the job closes its input, or ends, the pipe breaks: the next write reports that.
    this.#writer.closed.catch(() => {});
  }

  /** See `RunningJob.writeInput()`. */
  async write(
    offset: number,
    data: Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<number> {
    return await abortable(this.#writeInTurn(offset, data, signal), signal);
  }

  /** Ends the input: the job reads end-of-file. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // The write under way is finished; those that wait come too late.
    this.#writer.close().catch(() => {});
  }

  /**
   * Gives up what has not been read, since the job is gone. A process that has escaped from the job may hold
   * the pipe open and full, and the writer would wait for it.
   */
  abandon(): void {
    this.#open = false;
    this.#abandoned.abort();
    this.#writer.abort().catch(() => {});
  }

  async #writeInTurn(
    offset: number,
    data: Uint8Array<ArrayBuffer>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    using _turn = await this.#turns.acquire(1, signal);
    if (offset > this.#accepted) {
      throw new JobWorkerError(
        "out_of_range",
        `Invalid input offset ${offset}: only ${this.#accepted} bytes were written so far`,
      );
    }
    const rest = data.subarray(this.#accepted - offset);
    if (rest.byteLength === 0) return this.#accepted;
    if (!this.#open) throw closed();
    try {
      await abortable(this.#writer.write(rest), this.#abandoned.signal);
    } catch (error) {
      this.#open = false;
      throw closed(error);
    }
    return this.#accepted += rest.byteLength;
  }
}

function closed(cause?: unknown): JobWorkerError {
  return new JobWorkerError("failed_precondition", "The input of the job is closed", { cause });
}
