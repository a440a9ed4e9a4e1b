import { JobWorkerError } from "../errors.ts";

/** The file that the one daemon has locked whose data directory it is. */
const LOCK = "daemon.lock";

/**
 * Keeps every other daemon out of a data directory, for as long as this process lives. A hub whose registry is
 * elsewhere needs that; otherwise it is the database that is locked.
 *
 * @throws `unavailable` if another daemon has it
 */
export async function lockData(dataDirectory: string): Promise<Disposable> {
  const path = `${dataDirectory}/${LOCK}`;
  const file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
  // See flock(2): the kernel gives it up with the process.
  if (await file.tryLock(true)) return file;
  file.close();
  throw new JobWorkerError(
    "unavailable",
    `Cannot lock "${path}": another daemon has it; stop that one, or choose another --data-dir`,
  );
}
