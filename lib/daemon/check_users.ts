import { failedPrecondition } from "../errors.ts";
import type { DaemonOptions } from "../config/options.ts";
import { passwdEntry } from "./passwd_entry.ts";

/**
 * Refuses to run jobs as root unless that is asked for, and refuses users that no job could run as.
 *
 * @param setsid absolute path of setsid(1)
 * @throws {JobWorkerError} `failed_precondition`
 */
export async function checkUsers(
  { jobUser, allowUsers }: Pick<DaemonOptions, "jobUser" | "allowUsers">,
  setsid: string,
): Promise<void> {
  const own = Deno.uid();
  if (jobUser === "" && own === 0) {
    throw failedPrecondition(
      "The daemon runs as root, and so would every job: name the user that jobs run as with " +
        "--job-user=NAME, or --job-user=root if you mean root",
    );
  }
  const uid = jobUser === "" ? null : await uidOf("--job-user", jobUser, setsid);
  if (uid !== null && own !== 0 && uid !== own) {
    throw failedPrecondition(
      `--job-user "${jobUser}": only a daemon that runs as root can run jobs as another user`,
    );
  }
  if (allowUsers === "any") return;
  await Promise.all(allowUsers.map((name) => uidOf("--allow-users", name, setsid)));
}

/**
 * @returns `null` if it cannot be found out now; then the first start of a job will tell
 * @throws if there is no such user
 */
async function uidOf(option: string, name: string, setsid: string): Promise<number | null> {
  const entry = await passwdEntry(name, setsid);
  if (entry === null) {
    throw failedPrecondition(`${option} "${name}": there is no such user on this machine`);
  }
  return entry === "unknown" ? null : entry.uid;
}
