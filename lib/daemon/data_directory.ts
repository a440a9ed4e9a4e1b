import { dirname, resolve } from "node:path";
import { JobWorkerError, pathFaultOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { flushDirectory } from "../files/flush.ts";
import { isLasting } from "../files/lasting.ts";

/** The names of what is in the directory. */
export const DATABASE = "jobs.db";
export const AUDIT_TRAIL = "audit.log";
export const ENGINE_SOCKET = "engine.sock";
/** Where the agent of a host brings calls of hubs; only while one is being started. */
export const AGENT_SOCKET = "agent.sock";
/** What a hub knows of its fleet. */
export const REGISTRY = "registry.db";
/** What a hub seals the jobs with that wait in its queue. */
export const QUEUE_KEY = "queue.key";
/** Who has logged in to the page. */
export const SESSIONS = "sessions.json";
/** What requests to webhooks are signed with. */
export const NOTIFY_KEY = "notify.key";
/** What jobs came to, until it is recorded. */
export const OUTCOMES = "outcomes";
export { LOGS } from "../log/log_library.ts";

/** How many executors there may be at once: the one for new jobs, and those that still have old ones. */
const MAX_EXECUTORS = 4;

/** The sockets that executors may listen on. They have fixed names, so that permissions can name them. */
export function executorSockets(dataDirectory: string): string[] {
  return Array.from({ length: MAX_EXECUTORS }, (_, at) => `${dataDirectory}/executor.${at}.sock`);
}

/** Where the executor that listens on a socket says what it dies of. */
export function executorErrors(socket: string): string {
  return socket.replace(/\.sock$/, ".err");
}

/** The longest path of a socket, see unix(7), without its name in the directory. */
const MAX_PATH_LENGTH = 107 - "/executor.0.sock".length;

/**
 * Checks whether the directory at this path, which need not exist yet, can hold the data of our daemon.
 *
 * @throws {JobWorkerError} `failed_precondition`; `unavailable` if that may pass
 */
export async function checkDataDirectory(path: string): Promise<void> {
  checkLength(path);
  try {
    // One that does not exist is made at the start.
    if (await fileInfo(path) !== null) await checkOwner(path);
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/**
 * Makes the directory with mode 0700 if it does not exist.
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

/** The rights of the group, and of others, to enter a directory. */
const ENTER = { group: 0o010, others: 0o001 };

/** Whether {@linkcode openToGroup} would do this directory no harm; it need not exist. */
export async function canOpenToGroup(path: string, gid: number): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => null);
  if (info === null || info.mode === null || info.gid === gid) return true;
  return (info.mode & 0o070) === 0 || (info.mode & ENTER.others) !== 0;
}

/**
 * Lets a group through the data directory, to the socket in it that is meant for one of them. They cannot list what is
 * there, and everything else in it is for its owner alone.
 *
 * @throws {JobWorkerError} `failed_precondition`; `unavailable` if that may pass
 */
export async function openToGroup(path: string, gid: number): Promise<void> {
  try {
    const info = await Deno.stat(path);
    const mode = info.mode ?? 0;
    if ((mode & ENTER.others) !== 0) return;
    if (info.gid !== gid) await Deno.chown(path, null, gid);
    if ((mode & ENTER.group) === 0) await Deno.chmod(path, (mode & 0o7777) | ENTER.group);
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/** Flushes the name of a directory to the disk, if we may open its parent for that. */
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
      `its path is ${bytes} bytes long, and at most ${MAX_PATH_LENGTH} leave room for the socket in it`,
    );
  }
}

/** Whoever may write in it could empty the audit trail, or replace our socket by another. */
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
