/**
 * The items of a source, and `null` whenever it has been silent for the given time. What is then sent tells
 * whether the client is still there.
 */
export async function* withHeartbeat<T>(
  source: AsyncIterable<T>,
  intervalMs: number,
): AsyncGenerator<T | null, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next();;) {
      const silence = Promise.withResolvers<null>();
      const timer = setTimeout(() => silence.resolve(null), intervalMs);
      const result = await Promise.race([next, silence.promise]).finally(() => clearTimeout(timer));
      if (result === null) {
        yield null;
        continue;
      }
      if (result.done) return;
      yield result.value;
      next = iterator.next();
    }
  } finally {
    // Not awaited, because it may be in a wait that only its signal ends.
    iterator.return?.().catch(() => {});
  }
}
