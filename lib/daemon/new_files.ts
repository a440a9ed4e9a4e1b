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

export async function checkNew(
  directory: string,
  files: readonly NewFile[],
  force: boolean,
): Promise<void> {
  if (force) return;
  for (const { name } of files) {
    const path = join(directory, name);
    const isThere = await Deno.lstat(path).then(() => true, () => false);
    if (!isThere) continue;
    throw new JobWorkerError(
      "already_exists",
      `Cannot make "${path}": it exists; use --force to replace it and every certificate`,
    );
  }
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

export async function writeNew(path: string, text: string, force: boolean): Promise<void> {
  try {
    // Replaces what is there, without following a link that somebody has put there.
    if (force) return await replaceFile(path, text, { mode: 0o644 });
    await createFile(path, text, 0o644);
    await flushDirectory(dirname(path));
  } catch (error) {
    throw failedPrecondition(`Cannot write "${path}": ${pathFaultOf(error)}`, error);
  }
}
