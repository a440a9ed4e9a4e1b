/**
 * Waits until all promises have settled, so that none of their work is still under way.
 *
 * @throws the reason of the first one that was rejected
 */
export async function settleAll(promises: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}
