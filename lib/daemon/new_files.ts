/**
 * The files and directories that `worker-daemon init` makes.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { failedPrecondition, JobWorkerError, pathFaultOf } from "../errors.ts";
import { flushDirectory } from "../files/flush.ts";
import { createFile, replaceFile } from "../files/replace_file.ts";

export interface NewFile {
  readonly name: string;
  readonly about: string;
  readonly text: string;
}

/**
 * Refuses to make files that are there.
 *
 * @param names of the files, relative to the directory
 * @param options.remedy what to do if one is
 * @throws {JobWorkerError} `already_exists`
 */
export async function checkNew(
  directory: string,
  names: readonly string[],
  { force, remedy }: { force: boolean; remedy: string },
): Promise<void> {
  if (force) return;
  for (const name of names) {
    const path = join(directory, name);
    if (!await isThere(path)) continue;
    throw new JobWorkerError("already_exists", `Cannot make "${path}": it exists; ${remedy}`);
  }
}

/** Whether something has this name, be it a link that leads nowhere. */
export async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

export async function makeDirectory(path: string, mode: number): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode }).catch((error) => {
    const denied = error instanceof Deno.errors.PermissionDenied;
    const remedy = denied ? "; run it as root, or choose another with --dir" : "";
    throw failedPrecondition(
      `Cannot make the directory "${path}": ${pathFaultOf(error)}${remedy}`,
      error,
    );
  });
}

export async function writeNew(
  path: string,
  text: string,
  { mode, force }: { mode: number; force: boolean },
): Promise<void> {
  try {
    // Replaces what is there, without following a link that somebody has put there.
    if (force) return await replaceFile(path, text, { mode });
    await createFile(path, text, mode);
    await flushDirectory(dirname(path));
  } catch (error) {
    throw failedPrecondition(`Cannot write "${path}": ${pathFaultOf(error)}`, error);
  }
}
