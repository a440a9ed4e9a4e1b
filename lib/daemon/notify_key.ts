import { failedPrecondition, pathFaultOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { flushDirectory } from "../files/flush.ts";
import { createFile } from "../files/replace_file.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { NOTIFY_KEY } from "./data_directory.ts";

/** What a secret of the Standard Webhooks specification begins with; its bytes follow in base64. */
const PREFIX = "whsec_";

/** How long the specification has a secret, in bytes. */
const LENGTH = { min: 24, max: 64, fresh: 32 };

/** One, and those that receivers still know. */
const MAX_KEYS = 4;

/**
 * The keys that requests to webhooks are signed with, a line each. The first one is made at the first start.
 *
 * @throws `failed_precondition`, naming the file
 */
export async function notifyKeys(dataDirectory: string): Promise<Uint8Array<ArrayBuffer>[]> {
  const path = `${dataDirectory}/${NOTIFY_KEY}`;
  try {
    if (await fileInfo(path) === null) {
      const fresh = crypto.getRandomValues(new Uint8Array(LENGTH.fresh));
      await createFile(path, `${PREFIX}${fresh.toBase64()}\n`, 0o600);
      await flushDirectory(dataDirectory);
    }
    const text = await readTrustedFile(path, { uid: Deno.uid(), maxBytes: 4096 });
    const keys = text.split("\n").filter((line) => line !== "").map(keyOf);
    if (keys.length >= 1 && keys.length <= MAX_KEYS) return keys;
    throw new Error(`it has ${keys.length} lines instead of 1 to ${MAX_KEYS}`);
  } catch (error) {
    throw failedPrecondition(
      `Cannot use the keys of webhooks "${path}": ${
        pathFaultOf(error)
      }; restore it from a backup, or move it ` +
        "away and tell receivers the secret that the next start makes",
      error,
    );
  }
}

/** The line itself is in no message: it is a secret. */
function keyOf(line: string, at: number): Uint8Array<ArrayBuffer> {
  const key = line.startsWith(PREFIX) ? bytesOf(line.slice(PREFIX.length)) : null;
  if (key !== null && key.byteLength >= LENGTH.min && key.byteLength <= LENGTH.max) return key;
  throw new Error(
    `line ${at + 1} is not ${PREFIX} and ${LENGTH.min} to ${LENGTH.max} bytes in base64`,
  );
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    return null;
  }
}
