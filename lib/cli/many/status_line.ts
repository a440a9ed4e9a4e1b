import type { Outputs } from "./printer.ts";

/** How often the line is written anew at most, in milliseconds. */
const EVERY_MS = 100;

const CLEAR = "\r\x1b[K";
const encoder = new TextEncoder();

/**
 * A line at the bottom of a terminal, on standard error, that is taken away before anything else is written, and
 * written again afterwards. Where standard error is no terminal there is none.
 */
export class StatusLine implements Outputs, AsyncDisposable {
  readonly stdout: Outputs["stdout"];
  readonly stderr: Outputs["stderr"];
  readonly #raw: Outputs["stderr"];
  readonly #describe: () => string;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #shown = "";
  /** What is written, in its order. */
  #writing: Promise<void> = Promise.resolve();

  /** @param describe the text, without a line end */
  constructor({ stdout, stderr }: Outputs, describe: () => string) {
    this.#raw = stderr;
    this.#describe = describe;
    if (!stderr.isTerminal) {
      this.stdout = stdout;
      this.stderr = stderr;
      return;
    }
    const behindLine = ({ isTerminal, write }: Outputs["stdout"]): Outputs["stdout"] => ({
      isTerminal,
      write: (bytes) =>
        this.#inTurn(async () => {
          if (isTerminal) await this.#clear();
          await write(bytes);
        }),
    });
    this.stdout = behindLine({ isTerminal: stdout.isTerminal, write: (b) => stdout.write(b) });
    this.stderr = behindLine({ isTerminal: true, write: (bytes) => stderr.write(bytes) });
    this.#timer = setInterval(
      () => void this.#inTurn(() => this.#show()).catch(() => {}),
      EVERY_MS,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#inTurn(() => this.#clear()).catch(() => {});
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => {});
    await written;
  }

  async #show(): Promise<void> {
    const text = this.#describe();
    if (text === this.#shown) return;
    this.#shown = text;
    await this.#raw.write(encoder.encode(CLEAR + text));
  }

  async #clear(): Promise<void> {
    if (this.#shown === "") return;
    this.#shown = "";
    await this.#raw.write(encoder.encode(CLEAR));
  }
}
