import type { Output } from "./io.ts";

/** Options of {@linkcode withProgress}. */
export interface ProgressOptions {
  /** Milliseconds until the text appears, and between changes; a second by default. */
  readonly intervalMs?: number;
}

const encoder = new TextEncoder();

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
  const startedAt = performance.now();
  let isShown = false;
  // Printing the result will fail as well, and report it.
  const write = (text: string) => output.write(encoder.encode(text)).catch(() => {});
  const timer = setInterval(() => {
    isShown = true;
    void write(`\r\x1b[K${describe(performance.now() - startedAt)}`);
  }, options.intervalMs ?? 1_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    // After the last text, because writes happen in order.
    if (isShown) await write("\r\x1b[K");
  }
}
