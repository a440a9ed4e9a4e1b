/** One line of the report: a figure, and what part of its limit it reaches. */
export function report(name: string, value: number, limit: number, unit: string): void {
  const ratio = (value / limit).toFixed(2);
  const line = `${name.padEnd(44)} ${value.toFixed(0).padStart(8)} ${unit.padEnd(6)}` +
    ` ${ratio.padStart(6)} of ${limit.toFixed(0)}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

/** How often a second something can be done, so many at a time, over so many repeats. */
export async function rate(
  repeats: number,
  atATime: number,
  run: () => Promise<unknown>,
): Promise<number> {
  let started = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (started++ < repeats) await run();
    }),
  );
  return repeats / (performance.now() - startedAt) * 1000;
}

/** The median time of something, in microseconds. */
export async function median(repeats: number, run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < repeats; index++) {
    const startedAt = performance.now();
    await run();
    times.push(performance.now() - startedAt);
  }
  return 1000 * (times.sort((a, b) => a - b)[repeats >> 1] ?? NaN);
}

/** Megabytes (10^6) a second at which an iterable yields; `size` measures an item in bytes. */
export async function throughput<T>(
  source: AsyncIterable<T>,
  size: (item: T) => number,
): Promise<number> {
  const startedAt = performance.now();
  let bytes = 0;
  for await (const item of source) bytes += size(item);
  return bytes / 1000 / (performance.now() - startedAt);
}
