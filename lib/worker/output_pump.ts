import { delay } from "../delay.ts";
import type { LogWriter } from "./log_writer.ts";
import type { Process } from "./process.ts";
import type { LogStream } from "./types.ts";

/** After the last process of a job has gone, its pipes are read until they stay silent this long… */
const SILENCE_MS = 200;
/** …and no longer than this. Only a process that has left the job can still hold them open. */
const DRAIN_MS = 2_000;

/** Moves what a process prints into its log. The pipes are read no faster than the disk takes it. */
export class OutputPump {
  readonly #readers: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>[] = [];
  readonly #done: Promise<unknown>;
  #open = 2;
  #lastReadAt = 0;

  /**
   * @param onError told once for a stream whose output can no longer be stored; what comes after
   *   that is read and thrown away, so that the process does not hang
   */
  constructor(process: Process, writer: LogWriter, onError: (error: unknown) => void) {
    this.#done = Promise.all([
      this.#pump("stdout", process.stdout, writer, onError),
      this.#pump("stderr", process.stderr, writer, onError),
    ]);
  }

  /**
   * Reads what is left once the job's processes have gone. Never waits for the end of the pipes alone:
   * a daemonised child may keep them open for ever.
   *
   * @returns whether they were still held open
   */
  async drain(): Promise<boolean> {
    const startedAt = performance.now();
    this.#lastReadAt = startedAt;
    for (;;) {
      const now = performance.now();
      const left = Math.min(startedAt + DRAIN_MS, this.#lastReadAt + SILENCE_MS) - now;
      if (this.#open === 0 || left <= 0) break;
      const timeout = new AbortController();
      await Promise.race([this.#done, delay(left, timeout).catch(() => {})]);
      timeout.abort();
    }
    const cut = this.#open > 0;
    await Promise.all(this.#readers.map((reader) => reader.cancel()));
    await this.#done;
    return cut;
  }

  async #pump(
    stream: LogStream,
    source: ReadableStream<Uint8Array<ArrayBuffer>>,
    writer: LogWriter,
    onError: (error: unknown) => void,
  ): Promise<void> {
    const reader = source.getReader();
    this.#readers.push(reader);
    let broken = false;
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) break;
      this.#lastReadAt = performance.now();
      if (broken) continue;
      try {
        await writer.append(stream, value);
      } catch (error) {
        broken = true;
        onError(error);
      }
    }
    this.#open--;
  }
}
