import { failedPrecondition } from "../errors.ts";

/**
 * What the system knows of a file, behind links; `null` if there is none.
 *
 * @throws {JobWorkerError} `failed_precondition` for a link that leads nowhere: nothing can be made there
 */
export async function fileInfo(path: string): Promise<Deno.FileInfo | null> {
  const info = await infoBy(Deno.stat, path) ?? await infoBy(Deno.lstat, path);
  // What is no link was made between the two questions.
  if (!info?.isSymlink) return info;
  throw failedPrecondition(`"${path}" is a link that leads nowhere`);
}

async function infoBy(
  ask: (path: string) => Promise<Deno.FileInfo>,
  path: string,
): Promise<Deno.FileInfo | null> {
  try {
    return await ask(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
