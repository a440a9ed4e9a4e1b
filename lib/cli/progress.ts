import type { Output } from "./io.ts";

/** Options of {@linkcode withProgress}. */
export interface ProgressOptions {
  /** Milliseconds until the first words, and between changes; a second by default. */
  readonly intervalMs?: number;
}

const encoder = new TextEncoder();

/**
 * Waits for something that may take a while, and says so on a terminal: a line that is rewritten
 * every second from the first on, and gone at the end.
 *
 * @param describe The words, given the milliseconds since the call.
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
  // A terminal that cannot be written to is noticed by those who print results, not here.
  const write = (text: string) => output.write(encoder.encode(text)).catch(() => {});
  const timer = setInterval(() => {
    isShown = true;
    void write(`\r\x1b[K${describe(performance.now() - startedAt)}`);
  }, options.intervalMs ?? 1_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    // In turn, behind the words.
    if (isShown) await write("\r\x1b[K");
  }
}
