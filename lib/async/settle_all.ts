/**
 * Waits until all promises have settled, so that none of their work is still under way.
 *
 * @returns what they are fulfilled with
 * @throws the reason of the first of them, in their order, that was rejected
 */
export async function settleAll<T extends readonly Promise<unknown>[] | []>(
  promises: T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}
