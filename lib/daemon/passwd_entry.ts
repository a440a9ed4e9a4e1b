import { findTool, TOOL_DIRECTORIES } from "../process/tools.ts";
import type { Rights } from "../process/users.ts";
import { programOutput } from "./program_output.ts";

/** The exit status of getent(1) for a user that does not exist. */
const NO_SUCH_KEY = 2;

/**
 * The ids of a user of this system.
 *
 * @param setsid absolute path of setsid(1)
 * @returns `null` if there is no such user; `"unknown"` if that cannot be found out now
 */
export async function passwdEntry(
  name: string,
  setsid: string,
): Promise<Rights | null | "unknown"> {
  // Where tools are, since our own PATH may hold anything or nothing.
  const find = [
    "-c",
    'PATH=$1; exec getent passwd -- "$2"',
    "sh",
    TOOL_DIRECTORIES.join(":"),
    name,
  ];
  const { code, text } = await programOutput(setsid, [await findTool("sh"), ...find]);
  if (code === NO_SUCH_KEY) return null;
  const [, , uid, gid] = text.split(":");
  if (code !== 0 || uid === undefined || gid === undefined) return "unknown";
  return { uid: Number(uid), gid: Number(gid) };
}
