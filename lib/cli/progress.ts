import { ProgressBar } from "@std/cli/unstable-progress-bar";
import type { Output } from "./io.ts";

/** Options of {@linkcode withProgress}. */
export interface ProgressOptions {
  /** Milliseconds until the text appears, and between changes; a second by default. */
  readonly intervalMs?: number;
}

/**
 * Waits for something that may take a while, and shows that on a terminal: after a second a line
 * appears, which is rewritten every second and removed at the end.
 *
 * @param describe returns the text, given the milliseconds since the call
 */
export async function withProgress<T>(
  output: Output,
  describe: (elapsedMs: number) => string,
  work: Promise<T>,
  options: ProgressOptions = {},
): Promise<T> {
  if (!output.isTerminal) return await work;
  const { intervalMs = 1_000 } = options;
  let bar: ProgressBar | undefined;
  const timer = setTimeout(() => {
    bar = new ProgressBar({
      writable: new WritableStream({ write: (bytes) => output.write(bytes) }),
      // How much is done nobody knows.
      max: 1,
      clear: true,
      formatter: ({ time }) => describe(intervalMs + time),
      refreshMilliseconds: intervalMs,
    });
  }, intervalMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    await bar?.stop();
  }
}
