/**
 * Waits for a promise, but no longer than until the signal is aborted.
 *
 * @returns what the promise resolves to
 * @throws the reason of the signal, once that is aborted; what the promise waits for goes on
 */
export async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  // Nobody waits for it any more, so a failure must not end the process as an unhandled rejection.
  promise.catch(() => {});
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
