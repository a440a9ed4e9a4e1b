import type { Output } from "./io.ts";

const encoder = new TextEncoder();

/**
 * The alternate screen of a terminal (xterm's control sequences), on which each frame replaces the one before. What was
 * on the terminal comes back when it is closed.
 */
export class Screen implements AsyncDisposable {
  readonly #output: Output;

  private constructor(output: Output) {
    this.#output = output;
  }

  static async open(output: Output): Promise<Screen> {
    const screen = new Screen(output);
    await screen.#write("\x1b[?1049h\x1b[?25l");
    return screen;
  }

  /** Shows these lines, which fit the terminal. It erases nothing first, so that nothing flickers. */
  async draw(lines: readonly string[]): Promise<void> {
    await this.#write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\n")}\x1b[J`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A terminal that has gone has nothing to come back to.
    await this.#write("\x1b[?25h\x1b[?1049l").catch(() => {});
  }

  #write(text: string): Promise<void> {
    return this.#output.write(encoder.encode(text));
  }
}
