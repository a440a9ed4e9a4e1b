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

/** How long something takes, in microseconds, the shortest first. */
export async function times(repeats: number, run: () => Promise<unknown>): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < repeats; index++) {
    const startedAt = performance.now();
    await run();
    found.push(1000 * (performance.now() - startedAt));
  }
  return found.sort((a, b) => a - b);
}

/** The value below which this part of some lies, of 0 to 1. */
export function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(part * values.length)] ?? NaN;
}

/**
 * The medians of some figures that are measured in turn, so that all of them meet the same moods of the machine.
 *
 * @param rounds how often, after once by which all of it has warmed up
 */
export async function mediansInTurn<Name extends string>(
  rounds: number,
  ways: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(ways) as Name[];
  const found = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) found.get(name)?.push(await ways[name]());
  }
  const medians = names.map((name) => [name, quantile(found.get(name)?.slice(1) ?? [], 0.5)]);
  return Object.fromEntries(medians);
}

/** Megabytes (10^6) a second at which something gets so many bytes. */
export async function throughput(bytes: number, run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return bytes / 1000 / (performance.now() - startedAt);
}
