import { dirname } from "node:path";

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
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes a file that is not there yet, and whose content is there after a power cut. */
export async function createFile(path: string, text: string, mode: number): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
  await file.sync();
}

/** Sees to it that names which were made in a directory are there after a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  using directory = await Deno.open(path);
  await directory.sync();
}
