import { dirname, resolve } from "node:path";
import { JobWorkerError, pathFaultOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { flushDirectory } from "../files/flush.ts";
import { isLasting } from "../files/lasting.ts";

/** What is in the directory, by name. */
export const DATABASE = "jobs.db";
export const AUDIT_TRAIL = "audit.log";
export const ENGINE_SOCKET = "engine.sock";
export { LOGS } from "../log/log_library.ts";

/** The longest path of a socket, see unix(7), without its name in the directory. */
const MAX_PATH_LENGTH = 107 - `/${ENGINE_SOCKET}`.length;

/**
 * Looks whether a directory of this path can hold the data of a daemon of ours, be it there or not.
 *
 * @throws {JobWorkerError} `failed_precondition`; `unavailable` if that may pass
 */
export async function checkDataDirectory(path: string): Promise<void> {
  checkLength(path);
  try {
    // If there is none, it is made at the start.
    if (await fileInfo(path) !== null) await checkOwner(path);
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/**
 * Makes the directory with mode 0700 if there is none.
 *
 * @returns its absolute path
 * @throws {JobWorkerError} as {@linkcode checkDataDirectory} does
 */
export async function makeDataDirectory(path: string): Promise<string> {
  await checkDataDirectory(path);
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    await checkOwner(path);
    const probe = await Deno.makeTempFile({ dir: path, prefix: ".write-" });
    await Deno.remove(probe);
    await flushName(resolve(path));
    return resolve(path);
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/** Brings the name of a directory to the disk, where the one above it may be opened for that. */
async function flushName(path: string): Promise<void> {
  try {
    await flushDirectory(dirname(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

function checkLength(path: string): void {
  const bytes = new TextEncoder().encode(resolve(path)).byteLength;
  if (bytes > MAX_PATH_LENGTH) {
    throw refusal(
      resolve(path),
      `the socket in it lets its path have ${MAX_PATH_LENGTH} bytes (unix(7)), and it has ${bytes}`,
    );
  }
}

/** Whoever may write in it can empty the audit trail, and put a socket in the place of ours. */
async function checkOwner(path: string): Promise<void> {
  const { isDirectory, uid, mode } = await Deno.stat(path);
  if (!isDirectory) throw refusal(path, "it is not a directory");
  if (uid !== null && uid !== Deno.uid()) {
    throw refusal(path, `it belongs to another user (uid ${uid})`);
  }
  if (mode !== null && (mode & 0o022) !== 0) {
    throw refusal(path, `others than its owner may write in it; run \`chmod go-w ${path}\``);
  }
}

function cannotUse(path: string, error: unknown): JobWorkerError {
  if (error instanceof JobWorkerError) return error;
  return refusal(path, pathFaultOf(error), { lasts: isLasting(error), cause: error });
}

function refusal(
  path: string,
  why: string,
  { lasts = true, cause }: { lasts?: boolean; cause?: unknown } = {},
): JobWorkerError {
  const message = `Cannot use the data directory "${path}": ${why}; choose another with --data-dir`;
  return new JobWorkerError(lasts ? "failed_precondition" : "unavailable", message, { cause });
}
