import { JobWorkerError } from "../errors.ts";

/**
 * The standard input of a job. Bytes are counted, so that a writer whose connection broke can say
 * where it goes on: what came before is not written again.
 */
export class JobInput {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  /** How many bytes were accepted. */
  #accepted = 0;
  #open = true;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(stdin: WritableStream<Uint8Array<ArrayBuffer>>) {
    this.#writer = stdin.getWriter();
    // A job that closes its input, or ends, breaks the pipe: the next write tells.
    this.#writer.closed.catch(() => {});
  }

  /**
   * Writes bytes, as fast as the job takes them.
   *
   * @param offset how many bytes of input came before them
   * @returns how many bytes of input have been accepted in all
   * @throws `out_of_range` if there is a gap; `failed_precondition` if the input is closed
   */
  write(offset: number, data: Uint8Array<ArrayBuffer>): Promise<number> {
    const written = this.#queue.then(() => this.#write(offset, data));
    this.#queue = written.catch(() => {});
    return written;
  }

  /** Ends the input: the job reads end-of-file. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = this.#queue.then(() => this.#writer.close()).catch(() => {});
  }

  /** Gives up what has not been read: there is nobody left to read it. */
  abandon(): void {
    this.#open = false;
    this.#writer.abort().catch(() => {});
  }

  async #write(offset: number, data: Uint8Array<ArrayBuffer>): Promise<number> {
    if (offset > this.#accepted) {
      throw new JobWorkerError(
        "out_of_range",
        `Invalid offset ${offset} of the input: ${this.#accepted} bytes have come before`,
      );
    }
    const rest = data.subarray(this.#accepted - offset);
    if (rest.byteLength === 0) return this.#accepted;
    if (!this.#open) throw closed();
    try {
      await this.#writer.write(rest);
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
