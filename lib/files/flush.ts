/**
 * Flushing files to the disk, so that they survive a power cut.
 *
 * @module
 */

import { Semaphore } from "../async/semaphore.ts";

/**
 * A flush may take the disk seconds, and blocks one of the few threads (32) that also read files. Some of them
 * must stay free.
 */
const turns = new Semaphore({ total: 8, maxWaiting: Infinity, refusal: "" });

/**
 * Flushes what was written to a file to the disk: its bytes, and its length.
 *
 * It opens the file itself: Deno does one thing after the other on a descriptor, so that whoever writes to the
 * file would have to wait for the disk.
 *
 * @throws what opening and fdatasync(2) throw. What had not reached the disk by then may never do so, whatever a
 *   later flush reports: it must be written again
 */
export async function flushFile(path: string): Promise<void> {
  using _turn = await turns.acquire(1);
  using file = await Deno.open(path);
  await file.syncData();
}

/**
 * Flushes the names in a directory to the disk: those that were made, renamed or removed.
 *
 * It uses fsync(2), because names are not data for ext4, so that fdatasync(2) may do nothing.
 *
 * @throws what opening and fsync(2) throw
 */
export async function flushDirectory(path: string): Promise<void> {
  using _turn = await turns.acquire(1);
  using directory = await Deno.open(path);
  try {
    await directory.sync();
  } catch (error) {
    // Some file systems do not support this, and keep names by themselves.
    if (Reflect.get(Object(error), "code") !== "EINVAL") throw error;
  }
}

/** Flushes the name of a file or directory to the disk. */
export async function flushName(path: string): Promise<void> {
  await flushDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
}

/** Writes all of the bytes to a file or a connection. */
export async function writeFully(
  file: Pick<Deno.FsFile, "write">,
  bytes: Uint8Array,
): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    written += await file.write(bytes.subarray(written));
  }
}
