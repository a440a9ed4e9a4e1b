import { dirname, join, resolve } from "node:path";
import { failedPrecondition } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { checkDatabase } from "../store/open_database.ts";
import {
  AUDIT_TRAIL,
  checkDataDirectory,
  DATABASE,
  ENGINE_SOCKET,
  executorSockets,
  LOGS,
  OUTCOMES,
  REGISTRY,
} from "./data_directory.ts";
import { shellOutput } from "./shell_output.ts";

/** What each name in the directory must be, if it exists. */
const KINDS: readonly (readonly [name: string, kind: "file" | "directory"])[] = [
  [DATABASE, "file"],
  [`${DATABASE}-wal`, "file"],
  [`${DATABASE}-journal`, "file"],
  [AUDIT_TRAIL, "file"],
  [REGISTRY, "file"],
  [LOGS, "directory"],
  [OUTCOMES, "directory"],
];

/** Prints the first of its arguments that we may not write, by the kernel's own judgement. */
const FIND_UNWRITABLE = 'for path; do [ -w "$path" ] || { printf %s "$path"; exit; }; done';

/**
 * Checks whether a daemon could start with this data directory. It changes nothing, because another daemon
 * may be using the directory.
 *
 * @throws {JobWorkerError} `failed_precondition` with the first thing that is wrong; `unavailable` if
 * that may pass
 * @param setsid absolute path of setsid(1)
 */
export async function checkData(path: string, setsid: string): Promise<void> {
  await checkDataDirectory(path);
  const written: string[] = [await existing(resolve(path))];
  for (const [name, kind] of KINDS) {
    const info = await fileInfo(join(path, name));
    if (info === null) continue;
    if (kind === "file" ? !info.isFile : !info.isDirectory) {
      throw failedPrecondition(`Cannot use "${join(path, name)}": it is not a ${kind}`);
    }
    written.push(join(path, name));
  }
  for (const socket of [join(path, ENGINE_SOCKET), ...executorSockets(path)]) {
    if (!(await fileInfo(socket))?.isDirectory) continue;
    const whose = socket.endsWith(ENGINE_SOCKET) ? "the engine's" : "an executor's";
    throw failedPrecondition(
      `Cannot make ${whose} socket "${socket}": a directory is in its place`,
    );
  }
  const unwritable = (await shellOutput(FIND_UNWRITABLE, written, setsid)).text;
  if (unwritable !== "") {
    throw failedPrecondition(
      `Cannot write "${unwritable}": check its owner and mode, and its file system`,
    );
  }
  await checkDatabase(join(path, DATABASE));
}

/** The path itself, or its nearest ancestor that exists, in which the rest would be made. */
async function existing(path: string): Promise<string> {
  while (await fileInfo(path) === null) path = dirname(path);
  return path;
}
