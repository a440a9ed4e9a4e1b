/**
 * Reads from a file until the buffer is full or the file ends.
 *
 * @returns how many bytes were read
 */
export async function readFully(file: Deno.FsFile, into: Uint8Array): Promise<number> {
  let filled = 0;
  while (filled < into.byteLength) {
    const read = await file.read(into.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return filled;
}

/** Like {@linkcode readFully}, without another thread. */
export function readFullySync(file: Deno.FsFile, into: Uint8Array): number {
  let filled = 0;
  while (filled < into.byteLength) {
    const read = file.readSync(into.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return filled;
}
