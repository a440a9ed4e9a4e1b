/**
 * The files of the audit trail: `audit.log`, and beside it what it was before, under names that say until when
 * each was written, such as `audit.log.20261124T093908.836Z`.
 *
 * @module
 */

import { basename, dirname } from "node:path";
import { flushDirectory } from "../files/flush.ts";

/** The end of the name of a file that we have moved aside. */
const MOVED_ASIDE = /^\.\d{8}T\d{6}\.\d{3}Z$/;

/** The end of a name that logrotate(8) has given, unless the file is compressed. */
const ROTATED = /^(\.\d{1,6}|-\d{8}(-\d{1,10})?)$/;

/** A file of the trail. */
export interface TrailFile {
  readonly path: string;
  readonly info: Deno.FileInfo;
}

/**
 * The files of the trail, also those that logrotate(8) has moved aside and not compressed, in the order in
 * which they were written.
 *
 * @param path of the one that is written to, which may be missing
 */
export async function trailFiles(path: string): Promise<TrailFile[]> {
  const suffixes = await suffixesOf(path);
  const old: TrailFile[] = [];
  for (const suffix of suffixes) {
    if (!MOVED_ASIDE.test(suffix) && !ROTATED.test(suffix)) continue;
    const file = await trailFile(path + suffix);
    if (file !== null) old.push(file);
  }
  old.sort((a, b) => writtenAt(a) - writtenAt(b) || (a.path < b.path ? -1 : 1));
  const current = await trailFile(path);
  return current === null ? old : [...old, current];
}

/** When a file was last written to, in milliseconds since the Unix epoch. */
export function writtenAt({ info }: TrailFile): number {
  return info.mtime?.getTime() ?? 0;
}

/**
 * Gives the file of the trail a name that sorts after those of earlier ones, if it still has its own. That the
 * name is on the disk is certain once its directory has been flushed.
 */
export async function moveAside(path: string, file: Deno.FsFile): Promise<void> {
  const named = await trailFile(path);
  // Somebody else has renamed it already.
  if (named === null || named.info.ino !== (await file.stat()).ino) return;
  const last = (await movedAside(path)).at(-1) ?? "";
  let name = nameAt(path, Date.now());
  // The clock may have been set back.
  if (name <= last) name = nameAt(path, timeIn(last) + 1);
  await Deno.rename(path, name);
}

/** Removes the oldest of the files that were moved aside, but for so many. */
export async function removeOldest(path: string, keep: number): Promise<void> {
  const files = await movedAside(path);
  const surplus = files.slice(0, Math.max(0, files.length - keep));
  for (const file of surplus) await Deno.remove(file);
  if (surplus.length > 0) await flushDirectory(dirname(path));
}

/** The paths of the files that we have moved aside, in the order in which they were written. */
async function movedAside(path: string): Promise<string[]> {
  const suffixes = (await suffixesOf(path)).filter((suffix) => MOVED_ASIDE.test(suffix));
  return suffixes.sort().map((suffix) => path + suffix);
}

/** What the names beside the trail have after its own, if they begin with that. */
async function suffixesOf(path: string): Promise<string[]> {
  const own = basename(path);
  const names = await Array.fromAsync(Deno.readDir(dirname(path)), ({ name }) => name);
  return names.filter((name) => name.startsWith(own)).map((name) => name.slice(own.length));
}

async function trailFile(path: string): Promise<TrailFile | null> {
  try {
    const info = await Deno.stat(path);
    return info.isFile ? { path, info } : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function nameAt(path: string, time: number): string {
  return `${path}.${new Date(time).toISOString().replaceAll(/[-:]/g, "")}`;
}

/** The time that a name says, in milliseconds since the Unix epoch. */
function timeIn(path: string): number {
  const digits = /(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2}\.\d{3}Z)$/.exec(path) ?? [];
  const [, year, month, day, hour, minute, second] = digits;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}`);
}
