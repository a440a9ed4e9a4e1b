import { dirname } from "node:path";
import { flushDirectory, writeFully } from "./flush.ts";

/** Options of {@linkcode replaceFile}. */
export interface ReplaceFileOptions {
  /** It keeps its owner if it is there already. */
  readonly mode: number;
  /** If it is there already, its mode, too. */
  readonly keepMode?: boolean;
}

/**
 * Puts a file in place: who opens it meanwhile, or after a power cut, has the old one or the new one,
 * whole. A link that is there is replaced, and not followed.
 *
 * @throws what the system says; the old file is then as it was
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
    // For its owner only, until the owner is that of the old one.
    await createFile(fresh, text, mode & 0o600);
    const made = await Deno.stat(fresh);
    if (kept !== null && (kept.uid !== made.uid || kept.gid !== made.gid)) {
      await Deno.chown(fresh, kept.uid, kept.gid);
    }
    await Deno.chmod(fresh, keepMode && kept?.mode ? kept.mode & 0o7777 : mode);
    await Deno.rename(fresh, path);
  } catch (error) {
    await Deno.remove(fresh).catch(() => {});
    // It is the name that somebody knows.
    if (error instanceof Error) error.message = error.message.replaceAll(fresh, path);
    throw error;
  }
  await flushDirectory(dirname(path));
}

/**
 * Makes a file with a content that is on the disk. Its name need not be: see `flushDirectory()`.
 *
 * @throws `Deno.errors.AlreadyExists`; what writing throws, and then there is no such file
 */
export async function createFile(path: string, text: string, mode: number): Promise<void> {
  // Made first and filled then, so that what is taken away below is never somebody else's.
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  try {
    await writeFully(file, new TextEncoder().encode(text));
    await file.syncData();
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    throw error;
  }
}
