/**
 * Reading the audit trail from any of its lines on, across its files, and as it grows.
 *
 * @module
 */

import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import { readFully } from "../files/read_fully.ts";
import {
  type AuditBatch,
  type AuditGap,
  type AuditRecord,
  readAuditRecord,
} from "../job/audit_record.ts";
import { type TrailFile, trailFiles, writtenAt } from "./audit_files.ts";
import type { StreamAuditRequest } from "./job_service.ts";

/** What a reader must know of a trail that is being written. */
export interface GrowingTrail {
  readonly path: string;
  /**
   * The file that is written to, by its inode, how many came before it, and its length as far as it is on the disk, in
   * bytes.
   */
  readonly current: {
    readonly ino: number | null;
    readonly number: number;
    readonly size: number;
  };
  /** Settles once there is more, or another file. */
  grown(): Promise<void>;
}

/** How much is read at a time, in bytes: more than a line has. */
const CHUNK_BYTES = 64 * 1024;

const NEWLINE = 0x0a;

/**
 * Reads the lines that a request is about. Without `follow` it ends with what is on the disk when it begins.
 *
 * @throws `out_of_range` for a position whose file is gone; the reason of the signal
 */
export async function* readTrail(
  trail: GrowingTrail,
  request: StreamAuditRequest,
  signal: AbortSignal,
): AsyncGenerator<AuditBatch, void, undefined> {
  const end = request.follow ? null : trail.current;
  const matches = matcher(request);
  let place = await firstPlace(trail, request);
  try {
    for (;;) {
      // Taken before looking, so that nothing is missed that happens in between.
      const grown = trail.grown();
      const { ino, size } = trail.current;
      const isLast = place.ino === end?.ino;
      const isOver = place.ino !== ino;
      yield* place.read(isLast ? end.size : isOver ? Infinity : size, matches, signal);
      const next = isOver && !isLast ? await placeAfter(trail, place) : null;
      if (next !== null) {
        place[Symbol.dispose]();
        place = next;
      } else if (end !== null) return;
      else await abortable(grown, signal);
    }
  } finally {
    place[Symbol.dispose]();
  }
}

function matcher(request: StreamAuditRequest): (record: AuditRecord) => boolean {
  const { user, jobIdPrefix, method, deniedOnly, since = -Infinity } = request;
  return (record) =>
    (user === "" || record.user === user) &&
    record.jobId.startsWith(jobIdPrefix) &&
    (method === "" || record.method === method) &&
    (!deniedOnly || record.decision === "denied") &&
    record.time >= since;
}

/** Where to begin. */
async function firstPlace(
  trail: GrowingTrail,
  { position, since = -Infinity }: StreamAuditRequest,
): Promise<Place> {
  const [key = "", offset = ""] = position.split(":");
  return await placeIn(trail, async (files, open) => {
    if (position === "") {
      const last = files.length - 1;
      const first = files.findIndex((file, at) => at === last || writtenAt(file) >= since);
      return await open(files[first], 0);
    }
    for (const file of files) {
      const place = await open(file, Number(offset));
      if (await place?.key() === key) return place;
      place?.[Symbol.dispose]();
    }
    return null;
  }) ?? none(position);
}

function none(position: string): never {
  if (position === "") throw new JobWorkerError("unavailable", "The audit trail is gone");
  throw new JobWorkerError(
    "out_of_range",
    `Invalid position "${position}": its file of the audit trail has been removed; leave it out to ` +
      "read from the beginning",
    { field: "position" },
  );
}

/** The beginning of the file that was begun after another; `null` if there is none yet. */
async function placeAfter(trail: GrowingTrail, last: Place): Promise<Place | null> {
  const next = await placeIn(trail, async (files, open) => {
    const at = files.findIndex(({ info }) => info.ino === last.ino);
    // The one that was read may have been removed meanwhile, with others behind it.
    const later = at >= 0
      ? files.slice(at + 1)
      : files.filter((file) => writtenAt(file) >= last.writtenAt);
    return await open(later[0], 0);
  });
  if (next !== null && next.number > last.number + 1) next.gapFrom = last.readUntil;
  return next;
}

/** Chooses a place in one of the files, again if one was renamed or removed before it was opened. */
async function placeIn(
  trail: GrowingTrail,
  choose: (
    files: readonly TrailFile[],
    open: (file: TrailFile | undefined, offset: number) => Promise<Place | null>,
  ) => Promise<Place | null>,
): Promise<Place | null> {
  for (;;) {
    const { ino, number } = trail.current;
    const files = await filesWith(ino, trail.path);
    const found = files.findIndex(({ info }) => info.ino === ino);
    // If somebody has removed it, it comes after those that are left.
    const current = found >= 0 ? found : files.length;
    let isStale = false;
    const place = await choose(files, async (file, offset) => {
      if (file === undefined) return null;
      const place = await Place.open(file, offset, number - current + files.indexOf(file));
      isStale ||= place === null;
      return place;
    });
    if (!isStale && number === trail.current.number) return place;
    place?.[Symbol.dispose]();
  }
}

/** The files of the trail, with that one among them if it is still there. */
async function filesWith(ino: number | null, path: string): Promise<TrailFile[]> {
  const files = await trailFiles(path);
  if (files.some(({ info }) => info.ino === ino)) return files;
  // It had its old name when the names were listed, and another one when the files were looked at.
  return await trailFiles(path);
}

/** A place between two lines of a file of the trail. */
class Place implements Disposable {
  readonly ino: number | null;
  /** When the file was last written to before it was opened, in milliseconds since the Unix epoch. */
  readonly writtenAt: number;
  /** Counts the files of the trail, as `GrowingTrail.current` does. */
  readonly number: number;
  /** The time of the last line that was read, or when the file was last written to. */
  readUntil: number;
  /** The time of the last line before this file that was read, if others have been removed in between. */
  gapFrom: number | null = null;
  readonly #file: Deno.FsFile;
  #offset: number;
  #key = "";

  private constructor(
    file: Deno.FsFile,
    listed: TrailFile,
    { offset, number }: { readonly offset: number; readonly number: number },
  ) {
    this.#file = file;
    this.number = number;
    this.ino = listed.info.ino;
    this.writtenAt = writtenAt(listed);
    this.readUntil = this.writtenAt;
    this.#offset = offset;
  }

  /** `null` if the file has been removed or renamed since it was listed. */
  static async open(listed: TrailFile, offset: number, number: number): Promise<Place | null> {
    try {
      const file = await Deno.open(listed.path);
      if ((await file.stat()).ino === listed.info.ino) {
        return new Place(file, listed, { offset, number });
      }
      file.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return null;
  }

  /** Identifies the file by its first line, wherever it is moved; `""` if it has none. */
  async key(): Promise<string> {
    if (this.#key !== "") return this.#key;
    const head = new Uint8Array(CHUNK_BYTES);
    await this.#file.seek(0, Deno.SeekMode.Start);
    const line = head.subarray(
      0,
      head.subarray(0, await readFully(this.#file, head)).indexOf(NEWLINE),
    );
    const digest = await crypto.subtle.digest("SHA-256", line);
    return this.#key = new Uint8Array(digest).toHex().slice(0, 16);
  }

  /** Reads up to an offset, and stays there. */
  async *read(
    end: number,
    matches: (record: AuditRecord) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<AuditBatch, void, undefined> {
    for (;;) {
      signal.throwIfAborted();
      const lines = await this.#nextLines(end);
      if (lines === null) return;
      const all = lines.split("\n").map(readAuditRecord).filter((record) => record !== null);
      const gap = this.#gapBefore(all[0]);
      this.readUntil = all.at(-1)?.time ?? this.readUntil;
      const records = all.filter(matches);
      if (records.length === 0 && gap === null) continue;
      const position = `${await this.key()}:${this.#offset}`;
      yield { records, position, ...(gap !== null && { gap }) };
    }
  }

  /** What has been removed before the first line that is read. */
  #gapBefore(first: AuditRecord | undefined): AuditGap | null {
    if (this.gapFrom === null || first === undefined) return null;
    const gap = { from: this.gapFrom, to: first.time };
    this.gapFrom = null;
    return gap;
  }

  /** Some whole lines before an offset; `null` if there are no more. */
  async #nextLines(end: number): Promise<string | null> {
    const chunk = new Uint8Array(Math.max(0, Math.min(CHUNK_BYTES, end - this.#offset)));
    await this.#file.seek(this.#offset, Deno.SeekMode.Start);
    const bytes = chunk.subarray(0, await readFully(this.#file, chunk));
    let length = bytes.lastIndexOf(NEWLINE) + 1;
    // A line is shorter than that: a power cut has damaged this.
    if (length === 0 && bytes.byteLength === CHUNK_BYTES) length = CHUNK_BYTES;
    if (length === 0) return null;
    this.#offset += length;
    return new TextDecoder().decode(bytes.subarray(0, length));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
