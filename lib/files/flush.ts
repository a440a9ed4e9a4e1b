/**
 * Bringing files to the disk, so that a power cut does not take them.
 *
 * @module
 */

import { Semaphore } from "../async/semaphore.ts";

/**
 * A flush takes as long as the disk does, maybe seconds, on one of the few threads (32) by which files
 * are read, too: some must be left for that.
 */
const turns = new Semaphore({ total: 8, maxWaiting: Infinity, refusal: "" });

/**
 * Brings what was written to a file to the disk: its bytes, and its length.
 *
 * Through a descriptor of its own: on one, Deno does one thing after the other, and who writes to the
 * file would wait for the disk.
 *
 * @throws what opening and fdatasync(2) throw. What had not reached the disk by then may never do so,
 *   whatever a later flush says: only writing it anew helps
 */
export async function flushFile(path: string): Promise<void> {
  using _turn = await turns.acquire(1);
  using file = await Deno.open(path);
  await file.syncData();
}

/**
 * Brings the names in a directory to the disk: those that were made, renamed or removed.
 *
 * By fsync(2): ext4 does not count a name as data, so fdatasync(2) may do nothing.
 *
 * @throws what opening and fsync(2) throw
 */
export async function flushDirectory(path: string): Promise<void> {
  using _turn = await turns.acquire(1);
  using directory = await Deno.open(path);
  try {
    await directory.sync();
  } catch (error) {
    // Some file systems know no such thing, and keep names by themselves.
    if (Reflect.get(Object(error), "code") !== "EINVAL") throw error;
  }
}

/** Writes all of some bytes to a file. */
export async function writeFully(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    written += await file.write(bytes.subarray(written));
  }
}
