import { dirname } from "node:path";
import { countFlush, flushDirectory, writeFully } from "./flush.ts";

/** Options of {@linkcode replaceFile}. */
export interface ReplaceFileOptions {
  /** A file that exists keeps its owner. */
  readonly mode: number;
  /** A file that exists also keeps its mode. */
  readonly keepMode?: boolean;
}

/**
 * Replaces a file atomically: whoever opens it meanwhile, or after a power cut, gets all of the old one or all of
 * the new one. A link in its place is replaced, and not followed.
 *
 * @throws the error of the system; the old file is then unchanged
 */
export async function replaceFile(
  path: string,
  text: string,
  { mode, keepMode = false }: ReplaceFileOptions,
): Promise<void> {
  const old = await Deno.lstat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  const kept = old?.isFile ? old : null;
  const fresh = `${path}.${crypto.randomUUID()}`;
  try {
    // For its owner only, until it has the owner of the old one.
    await createFile(fresh, text, mode & 0o600);
    const made = await Deno.stat(fresh);
    if (kept !== null && (kept.uid !== made.uid || kept.gid !== made.gid)) {
      await Deno.chown(fresh, kept.uid, kept.gid);
    }
    await Deno.chmod(fresh, keepMode && kept?.mode ? kept.mode & 0o7777 : mode);
    await Deno.rename(fresh, path);
  } catch (error) {
    await Deno.remove(fresh).catch(() => {});
    // This is the name that people know.
    if (error instanceof Error) error.message = error.message.replaceAll(fresh, path);
    throw error;
  }
  await flushDirectory(dirname(path));
}

/**
 * Makes a file whose content is on the disk. Its name may not be there yet: see `flushDirectory()`.
 *
 * @throws `Deno.errors.AlreadyExists`; what writing throws, in which case there is no such file
 */
export async function createFile(path: string, text: string, mode: number): Promise<void> {
  // Made first and filled later, so that what is removed below is never somebody else's.
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  try {
    await writeFully(file, new TextEncoder().encode(text));
    await countFlush(() => file.syncData());
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    throw error;
  }
}
