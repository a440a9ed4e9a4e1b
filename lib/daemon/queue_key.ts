import { failedPrecondition, pathFaultOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { flushDirectory } from "../files/flush.ts";
import { createFile } from "../files/replace_file.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { QUEUE_KEY_BYTES } from "../fleet/sealed_starts.ts";
import { QUEUE_KEY } from "./data_directory.ts";

/**
 * The key with which a hub seals what waits in its queue. It is made once, and is not in the registry: whoever gets a
 * copy of that, or administers the database, reads no secrets.
 *
 * @throws `failed_precondition`, naming the file
 */
export async function queueKey(dataDirectory: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = `${dataDirectory}/${QUEUE_KEY}`;
  try {
    if (await fileInfo(path) === null) {
      const fresh = crypto.getRandomValues(new Uint8Array(QUEUE_KEY_BYTES));
      await createFile(path, `${fresh.toBase64()}\n`, 0o600);
      await flushDirectory(dataDirectory);
    }
    const text = await readTrustedFile(path, { uid: Deno.uid(), maxBytes: 1024 });
    const key = Uint8Array.fromBase64(text.trim());
    if (key.byteLength === QUEUE_KEY_BYTES) return key;
    throw new Error(`it has ${key.byteLength} bytes instead of ${QUEUE_KEY_BYTES}`);
  } catch (error) {
    throw failedPrecondition(
      `Cannot use the key of the queue "${path}": ${
        pathFaultOf(error)
      }; restore it from a backup, or move it away ` +
        "and start the jobs in the queue again",
      error,
    );
  }
}
