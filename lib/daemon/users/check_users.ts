import { JobUserMap } from "../../auth/job_user_map.ts";
import { failedPrecondition, type JobWorkerError } from "../../errors.ts";
import type { DaemonOptions } from "../../config/options.ts";
import type { Rights } from "../../process/users.ts";
import { checkJobUids } from "./check_job_uids.ts";
import { GATEWAY_USER } from "./gateway_user.ts";
import { findUsers } from "./getent.ts";

const NO_SUCH_USER = "there is no such user on this machine";
const NOT_ROOT = "only a daemon that runs as root can run jobs as another user";

type UserOptions = Pick<
  DaemonOptions,
  "jobUser" | "jobUserMap" | "jobUids" | "jobHomes" | "allowUsers" | "gatewayUser"
>;

/**
 * Refuses to run jobs as root unless that is asked for, and refuses users that no job could run as.
 *
 * @param setsid absolute path of setsid(1)
 * @returns the map of users, which it has read; `null` if there is to be none
 * @throws {JobWorkerError} `failed_precondition`
 */
export async function checkUsers(
  options: UserOptions,
  setsid: string,
): Promise<JobUserMap | null> {
  const { jobUser, jobUserMap, jobUids, allowUsers } = options;
  if (jobUser === "" && jobUserMap === "" && jobUids === null && Deno.uid() === 0) {
    throw failedPrecondition(
      "The daemon runs as root, and so would every job: name the user that jobs run as with " +
        "--job-user=NAME, or --job-user=root if you mean root",
    );
  }
  const check = (option: string): Check => ({
    ...options,
    setsid,
    faultOf: (name, why) => failedPrecondition(`${option} "${name}": ${why}`),
  });
  if (jobUser !== "") await checkJobUsers([jobUser], check("--job-user"));
  const map = await loadJobUserMap(options, setsid);
  await checkJobUids(options, setsid);
  if (allowUsers !== "any") await usersOf(allowUsers, check("--allow-users"));
  return map;
}

/**
 * Reads the map of users.
 *
 * @returns `null` if there is to be none
 * @throws {JobWorkerError} `failed_precondition` if it is wrong, or no job could run as one of its users
 */
export async function loadJobUserMap(
  options: Pick<UserOptions, "jobUserMap" | "gatewayUser">,
  setsid: string,
): Promise<JobUserMap | null> {
  const { jobUserMap } = options;
  if (jobUserMap === "") return null;
  const map = await JobUserMap.load(jobUserMap);
  const faultOf: FaultOf = (name, why) => map.userFault(name, why);
  await checkJobUsers(Array.from(map.users), { ...options, setsid, faultOf });
  return map;
}

type FaultOf = (name: string, why: string) => JobWorkerError;

interface Check extends Pick<UserOptions, "gatewayUser"> {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  readonly faultOf: FaultOf;
}

async function checkJobUsers(names: readonly string[], check: Check): Promise<void> {
  const own = Deno.uid();
  for (const [name, { uid }] of await usersOf(names, check)) {
    if (own !== 0 && uid !== own) throw check.faultOf(name, NOT_ROOT);
  }
}

/**
 * The users that jobs may run as, as far as they can be found out now; of the others, the first start of a job
 * will tell.
 *
 * @throws for a user that there is not, or that gateways run as
 */
async function usersOf(
  names: readonly string[],
  { setsid, gatewayUser, faultOf }: Check,
): Promise<ReadonlyMap<string, Rights>> {
  const gateway = gatewayUser || GATEWAY_USER;
  const found = await findUsers([...names, gateway], setsid);
  const users = new Map<string, Rights>();
  if (found === null) return users;
  const gatewayUid = found.get(gateway)?.uid;
  for (const name of names) {
    const user = found.get(name);
    if (user === undefined) throw faultOf(name, NO_SUCH_USER);
    // Whatever may talk to the engine's socket speaks there for anybody.
    if (user.uid === gatewayUid && gatewayUid !== Deno.uid()) {
      throw faultOf(
        name,
        `the gateways would run as "${gateway}", and its jobs could act as any client: name another with ` +
          "--gateway-user",
      );
    }
    users.set(name, user);
  }
  return users;
}
