import { JobUserMap } from "../auth/job_user_map.ts";
import { failedPrecondition, type JobWorkerError } from "../errors.ts";
import type { DaemonOptions } from "../config/options.ts";
import { checkJobUids } from "./check_job_uids.ts";
import { programOutput } from "./program_output.ts";

/** The exit status of getent(1) for a user that does not exist. */
const NO_SUCH_KEY = 2;

const NO_SUCH_USER = "there is no such user on this machine";
const NOT_ROOT = "only a daemon that runs as root can run jobs as another user";

type UserOptions = Pick<
  DaemonOptions,
  "jobUser" | "jobUserMap" | "jobUids" | "jobHomes" | "allowUsers"
>;

/**
 * Refuses to run jobs as root unless that is asked for, and refuses users that no job could run as.
 *
 * @param setsid absolute path of setsid(1)
 * @throws {JobWorkerError} `failed_precondition`
 */
export async function checkUsers(options: UserOptions, setsid: string): Promise<void> {
  const { jobUser, jobUserMap, jobUids, allowUsers } = options;
  if (jobUser === "" && jobUserMap === "" && jobUids === null && Deno.uid() === 0) {
    throw failedPrecondition(
      "The daemon runs as root, and so would every job: name the user that jobs run as with " +
        "--job-user=NAME, or --job-user=root if you mean root",
    );
  }
  const faultOf = (option: string) => (name: string, why: string) =>
    failedPrecondition(`${option} "${name}": ${why}`);
  if (jobUser !== "") await checkJobUsers([jobUser], setsid, faultOf("--job-user"));
  await loadJobUserMap(options, setsid);
  await checkJobUids(options, setsid);
  if (allowUsers === "any") return;
  await uidsOf(allowUsers, setsid, faultOf("--allow-users"));
}

/**
 * Reads the map of users.
 *
 * @returns `null` if there is to be none
 * @throws {JobWorkerError} `failed_precondition` if it is wrong, or no job could run as one of its users
 */
export async function loadJobUserMap(
  { jobUserMap }: Pick<UserOptions, "jobUserMap">,
  setsid: string,
): Promise<JobUserMap | null> {
  if (jobUserMap === "") return null;
  const map = await JobUserMap.load(jobUserMap);
  await checkJobUsers(Array.from(map.users), setsid, (name, why) => map.userFault(name, why));
  return map;
}

type FaultOf = (name: string, why: string) => JobWorkerError;

async function checkJobUsers(
  names: readonly string[],
  setsid: string,
  faultOf: FaultOf,
): Promise<void> {
  const own = Deno.uid();
  for (const [name, uid] of await uidsOf(names, setsid, faultOf)) {
    if (own !== 0 && uid !== own) throw faultOf(name, NOT_ROOT);
  }
}

/**
 * The ids of users, as far as they can be found out now; of the others, the first start of a job will tell.
 *
 * @throws for a user that there is not
 */
async function uidsOf(
  names: readonly string[],
  setsid: string,
  faultOf: FaultOf,
): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map();
  const { code, text } = await programOutput(setsid, ["getent", "passwd", "--", ...names]);
  if (code !== 0 && code !== NO_SUCH_KEY) return new Map();
  const uids = new Map<string, number>();
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const [name = "", , uid = ""] = line.split(":");
    uids.set(name, Number(uid));
  }
  const missing = names.find((name) => !uids.has(name));
  if (code === NO_SUCH_KEY && missing !== undefined) throw faultOf(missing, NO_SUCH_USER);
  return uids;
}
