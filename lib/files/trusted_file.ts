import { formatByteSize } from "../text/byte_size.ts";

/** Far more than any of these files has. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Options of {@linkcode readTrustedFile}. */
export interface ReadTrustedFileOptions {
  /** Our user: if given, the file must belong to us or to root. */
  readonly uid?: number | null;
  /** 16 MiB by default. */
  readonly maxBytes?: number;
}

/**
 * Reads a file that decides who may do what, as text in UTF-8.
 *
 * @throws what opening throws; an error that says what to do, if others than its owner may change it;
 * an error if it is too large
 */
export async function readTrustedFile(
  path: string,
  { uid = null, maxBytes = MAX_BYTES }: ReadTrustedFileOptions = {},
): Promise<string> {
  using file = await Deno.open(path);
  // Asked about the open file, which is what is read, whatever the name leads to by now.
  const { mode, uid: owner } = await file.stat();
  if (mode !== null && (mode & 0o022) !== 0) {
    throw new Error(`others than its owner may change it; run \`chmod go-w ${path}\``);
  }
  if (uid !== null && owner !== null && owner !== uid && owner !== 0) {
    throw new Error(`it belongs to another user (uid ${owner}); run \`chown ${uid} ${path}\``);
  }
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const bytes of file.readable) {
    size += bytes.byteLength;
    if (size > maxBytes) throw new Error(`it is larger than ${formatByteSize(maxBytes)}`);
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}
