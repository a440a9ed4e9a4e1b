/**
 * Within the ten seconds after which the runtime ends a thread that has nothing to do, with time to spare on a machine
 * that is busy, and no more often than that: it is all that wakes an idle process.
 */
const EVERY_MS = 7_000;

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
