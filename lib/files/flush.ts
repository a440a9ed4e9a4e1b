/**
 * Flushing files to the disk, so that they survive a power cut.
 *
 * @module
 */

import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { Semaphore } from "../async/semaphore.ts";
import { Histogram, type HistogramState } from "../metrics/histogram.ts";
import { isShortage } from "./shortage.ts";

/**
 * A flush may take the disk seconds, and blocks one of the few threads (32) that also read files. Some of them
 * must stay free.
 */
const turns = new Semaphore({ total: 8, maxWaiting: Infinity, refusal: "" });

/** What the flushes of this process have come to. */
export interface FlushCounts {
  /** How long each took the disk, in seconds, also if it failed. */
  readonly seconds: HistogramState;
  readonly failures: number;
}

const durations = new Histogram([
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  5,
  30,
]);
let failures = 0;

export function flushCounts(): FlushCounts {
  return { seconds: durations.state, failures };
}

/** How often to look whether there is a descriptor again: from, to. And when to give up. */
const OPEN_AGAIN_MS = { first: 20, last: 500 };
const OPEN_WITHIN_MS = 10_000;

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
  using file = await openAtLast(path);
  await countFlush(() => file.syncData());
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
  using directory = await openAtLast(path);
  await countFlush(async () => {
    try {
      await directory.sync();
    } catch (error) {
      // Some file systems do not support this, and keep names by themselves.
      if (Reflect.get(Object(error), "code") !== "EINVAL") throw error;
    }
  });
}

/** Takes account of a flush, see {@linkcode flushCounts}. */
export async function countFlush(flush: () => Promise<void>): Promise<void> {
  const begunAt = performance.now();
  try {
    await flush();
  } catch (error) {
    failures++;
    throw error;
  } finally {
    durations.observe((performance.now() - begunAt) / 1000);
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

/** Opens a file, if need be once there is a descriptor for it: unlike a flush that fails, this loses nothing. */
async function openAtLast(path: string): Promise<Deno.FsFile> {
  const deadline = performance.now() + OPEN_WITHIN_MS;
  const nextWait = doubling(OPEN_AGAIN_MS);
  for (;;) {
    try {
      return await Deno.open(path);
    } catch (error) {
      if (!isShortage(error) || performance.now() > deadline) throw error;
    }
    await delay(nextWait());
  }
}
