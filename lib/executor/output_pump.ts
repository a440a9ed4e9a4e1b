import { MAX_RECORD_BYTES, MAX_RECORD_DATA_BYTES, RECORD_DATA_AT } from "../log/log_format.ts";
import type { LogWriter } from "../log/log_writer.ts";
import type { Process } from "../process/process.ts";
import type { LogStream } from "../job/types.ts";

/** How often the pipes are checked once the last process of the job is gone. */
const LOOK_MS = 100;
/**
 * How many checks without output mean that none will come. On a busy machine, output may be read hundreds
 * of milliseconds after it was printed, and giving up sooner would lose it. The wait happens only if a
 * process that has left the job still holds the pipes open.
 */
const QUIET_LOOKS = 15;
/** How many checks there are at most, since a process that has left the job may print for ever. */
const MAX_LOOKS = 30;

/** Moves what a process prints into its log. The pipes are read no faster than the disk takes it. */
export class OutputPump {
  readonly #readers: ReadableStreamBYOBReader[] = [];
  readonly #done: Promise<unknown>;
  #open = 2;
  #reads = 0;
  /** How many streams wait for the disk; their pipes are not read meanwhile. */
  #storing = 0;

  /**
   * @param onError told once for a stream whose output can no longer be stored; what comes after
   *   that is read and thrown away, so that the process does not hang
   */
  constructor(
    process: Pick<Process, "stdout" | "stderr">,
    writer: LogWriter,
    onError: (error: unknown) => void,
  ) {
    this.#done = Promise.all([
      this.#pump("stdout", process.stdout, writer, onError),
      this.#pump("stderr", process.stderr, writer, onError),
    ]);
  }

  /**
   * Reads what is left once the job's processes are gone. It does not just wait for the end of the pipes,
   * which a daemonised child may keep open for ever.
   *
   * @returns whether they were still held open
   */
  async drain(): Promise<boolean> {
    for (let look = 0, quiet = 0; look < MAX_LOOKS && quiet < QUIET_LOOKS; look++) {
      const before = this.#reads;
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, LOOK_MS);
      await Promise.race([this.#done, over]);
      clearTimeout(timer);
      if (this.#open === 0) break;
      quiet = this.#reads === before && this.#storing === 0 ? quiet + 1 : 0;
    }
    const isHeldOpen = this.#open > 0;
    await Promise.all(this.#readers.map((reader) => reader.cancel()));
    await this.#done;
    return isHeldOpen;
  }

  async #pump(
    stream: LogStream,
    source: ReadableStream<Uint8Array<ArrayBuffer>>,
    writer: LogWriter,
    onError: (error: unknown) => void,
  ): Promise<void> {
    const reader = source.getReader({ mode: "byob" });
    this.#readers.push(reader);
    let broken = false;
    // What is read is where the log has it, and the next read takes its place.
    for (let room = new ArrayBuffer(MAX_RECORD_BYTES);;) {
      const into = new Uint8Array(room, RECORD_DATA_AT, MAX_RECORD_DATA_BYTES);
      const { value, done } = await reader.read(into);
      if (done || value === undefined) break;
      room = value.buffer;
      this.#reads++;
      if (broken) continue;
      this.#storing++;
      try {
        await writer.append(stream, value, new Uint8Array(room));
      } catch (error) {
        broken = true;
        onError(error);
      } finally {
        this.#storing--;
      }
    }
    this.#open--;
  }
}
