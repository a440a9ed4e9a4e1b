/** Options of {@linkcode merge}. */
export interface MergeOptions<T> {
  /** How much a piece of the result holds: the last value that it takes may go beyond that. */
  readonly maxSize: number;
  readonly sizeOf: (value: T) => number;
  /** Called when the reader leaves, to end what the sources wait for. */
  readonly leave: () => void;
}

/**
 * Makes one stream of many, in pieces of what is there. A source is asked for its next value once the reader has come
 * back for more than its last one: of each, one value at most is held.
 *
 * ```ts
 * import { merge } from "./merge.ts";
 *
 * async function* count(to: number) {
 *   for (let n = 1; n <= to; n++) yield n;
 * }
 * const options = { maxSize: 10, sizeOf: () => 1, leave: () => {} };
 * for await (const numbers of merge([count(2), count(3)], options)) console.log(numbers);
 * ```
 *
 * @throws what a source throws; the others are ended
 */
export async function* merge<T>(
  sources: readonly AsyncGenerator<T, void, undefined>[],
  { maxSize, sizeOf, leave }: MergeOptions<T>,
): AsyncGenerator<readonly T[], void, undefined> {
  const ready: { readonly value: T; readonly source: typeof sources[number] }[] = [];
  let open = sources.length;
  let failure: { readonly error: unknown } | null = null;
  let isNews = Promise.withResolvers<void>();
  const pull = async (source: typeof sources[number]) => {
    try {
      const { done, value } = await source.next();
      if (done === true) open--;
      else ready.push({ value, source });
    } catch (error) {
      failure ??= { error };
    }
    isNews.resolve();
  };
  try {
    for (const source of sources) void pull(source);
    while (open > 0) {
      if (failure !== null) throw (failure as { readonly error: unknown }).error;
      if (ready.length === 0) {
        await isNews.promise;
        isNews = Promise.withResolvers();
        continue;
      }
      let size = 0;
      let count = 0;
      for (const { value } of ready) {
        if (size >= maxSize) break;
        size += sizeOf(value);
        count++;
      }
      const taken = ready.splice(0, count);
      yield taken.map(({ value }) => value);
      for (const { source } of taken) void pull(source);
    }
  } finally {
    leave();
    await Promise.allSettled(sources.map((source) => source.return()));
  }
}
