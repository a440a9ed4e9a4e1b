import { failedPrecondition } from "../errors.ts";

/**
 * What the system knows about a file, following links; `null` if there is none.
 *
 * @throws {JobWorkerError} `failed_precondition` for a dangling link, because nothing can be made there
 */
export async function fileInfo(path: string): Promise<Deno.FileInfo | null> {
  const info = await infoBy(Deno.stat, path) ?? await infoBy(Deno.lstat, path);
  // Anything but a link was made between the two questions.
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
