import { failedPrecondition } from "../errors.ts";
import type { DaemonOptions } from "../config/options.ts";
import { programOutput } from "./program_output.ts";

/** What getent(1) ends with for a user that is not there. */
const NO_SUCH_KEY = 2;

/**
 * Lets no daemon run jobs as root unless it is told so, nor begin with users that no job could have.
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
      "The daemon runs as root, and so would every job: say whose rights jobs have with " +
        "--job-user=NAME, or --job-user=root if that is meant",
    );
  }
  const uid = jobUser === "" ? null : await uidOf("--job-user", jobUser, setsid);
  if (uid !== null && own !== 0 && uid !== own) {
    throw failedPrecondition(
      `--job-user "${jobUser}": only a daemon that runs as root has jobs of other users`,
    );
  }
  if (allowUsers === "any") return;
  await Promise.all(allowUsers.map((name) => uidOf("--allow-users", name, setsid)));
}

/**
 * @returns `null` if nobody can tell: what there may be shows at the first start of a job
 * @throws if there is no such user
 */
async function uidOf(option: string, name: string, setsid: string): Promise<number | null> {
  const { code, text } = await programOutput(setsid, ["getent", "passwd", "--", name]);
  if (code === NO_SUCH_KEY) {
    throw failedPrecondition(`${option} "${name}": there is no such user on this machine`);
  }
  const [, , uid] = text.split(":");
  return code === 0 && uid !== undefined ? Number(uid) : null;
}
