/** Well within the ten seconds after which the runtime ends a thread that has nothing to do. */
const EVERY_MS = 3_000;

/**
 * Keeps a thread for files, until it is disposed of. The runtime starts such threads when there is something to do,
 * and ends the whole process if it has none and may start none (pids.max, RLIMIT_NPROC). With one, whatever else
 * there is to do waits for that.
 *
 * @param path of something that may be looked at
 */
export function keepFileThread(path: string): Disposable {
  const timer = setInterval(() => void Deno.stat(path).catch(() => {}), EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
