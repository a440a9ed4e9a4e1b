import { JobWorkerError } from "../errors.ts";

/** One file of a log. */
export interface Segment {
  /** Bytes of output before the first record in it. */
  readonly start: number;
  /** Bytes of whole records in the file. Grows while it is written. */
  size: number;
  /** When that was last seen to grow, on the clock of `performance`. */
  grownAt?: number;
}

/** So little… */
const AT_HAND_BYTES = 4 * 1024;
/** …so soon after it was written, is in memory. */
const AT_HAND_MS = 1_000;

/**
 * Whether the last bytes of a segment can be read at once. To have another thread read so little takes several times as
 * long; but what has to come from a disk, which may be slow, must hold up nobody else.
 */
export function isAtHand({ grownAt = -Infinity }: Segment, bytes: number): boolean {
  return bytes <= AT_HAND_BYTES && performance.now() - grownAt < AT_HAND_MS;
}

const SEGMENT_NAME = /^(\d{16})\.log$/;

/** The file of a segment in the directory of its log. */
export function segmentPath(directory: string, { start }: Segment): string {
  return `${directory}/${String(start).padStart(16, "0")}.log`;
}

/** Where the segment in a file of this name starts; `null` if it is no segment. */
export function segmentStart(name: string): number | null {
  const start = SEGMENT_NAME.exec(name)?.[1];
  return start === undefined ? null : Number(start);
}

/**
 * Opens a segment for reading; `null` if it has been dropped.
 *
 * @param isDropped asked if there is no such file
 * @throws `data_loss` if somebody else has removed it
 */
export async function openSegment(
  directory: string,
  segment: Segment,
  isDropped: () => boolean | Promise<boolean>,
): Promise<Deno.FsFile | null> {
  try {
    return await open(segment, segmentPath(directory, segment));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    if (await isDropped()) return null;
    throw new JobWorkerError(
      "data_loss",
      `The log is missing from byte ${segment.start} onwards: its file was removed`,
      { cause: error },
    );
  }
}

function open(segment: Segment, path: string): Deno.FsFile | Promise<Deno.FsFile> {
  return isAtHand(segment, segment.size) ? Deno.openSync(path) : Deno.open(path);
}
