import type { Rights } from "../../process/users.ts";
import { shellOutput } from "../shell_output.ts";

/** The exit status of getent(1) if there is no entry for one of the keys. */
const NO_SUCH_KEY = 2;

/**
 * The entries of a database of this system, see getent(1), each on a line of its own.
 *
 * @param keys whose entries; of all by default
 * @param setsid absolute path of setsid(1)
 * @returns `null` if they cannot be found out now
 */
export async function getent(
  database: "passwd" | "group",
  keys: readonly string[],
  setsid: string,
): Promise<string | null> {
  const args = [database, "--", ...keys];
  const { code, text } = await shellOutput('exec getent "$@"', args, setsid);
  return code === 0 || code === NO_SUCH_KEY ? text : null;
}

/**
 * The ids of users of this system, by their names; of a user that does not exist, none.
 *
 * @param setsid absolute path of setsid(1)
 * @returns `null` if they cannot be found out now
 */
export async function findUsers(
  names: readonly string[],
  setsid: string,
): Promise<ReadonlyMap<string, Rights> | null> {
  const found = new Map<string, Rights>();
  if (names.length === 0) return found;
  const text = await getent("passwd", names, setsid);
  if (text === null) return null;
  for (const [name = "", , uid = "", gid = ""] of text.split("\n").map((line) => line.split(":"))) {
    const rights = { uid: Number(uid), gid: Number(gid) };
    // It takes an id for a name, too.
    found.set(name, rights).set(uid, rights);
  }
  return found;
}
