/** How long a machine that is busy with other things may need for what takes no time. */
const PATIENCE_MS = 30_000;

/**
 * Waits for something that is bound to come. Where it does not, the test fails in words, and not with
 * the time of the whole run.
 *
 * @param what for which is waited
 */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const error = new Error(`Waited ${PATIENCE_MS / 1_000} s for ${what}`);
  const timer = setTimeout(() => late.reject(error), PATIENCE_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
