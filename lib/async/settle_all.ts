/**
 * Waits until all of some promises have settled, so that nothing of them is under way any more.
 *
 * @throws the reason of the first one that was rejected
 */
export async function settleAll(promises: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}
