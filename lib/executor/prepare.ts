import { JobWorkerError } from "../errors.ts";
import type { JobLimits } from "../job/types.ts";
import type { Cgroups } from "../process/cgroups.ts";
import type { ProcessSpec } from "../process/process.ts";
import type { ProcessGroups } from "../process/process_groups.ts";
import type { DynamicUsers } from "../process/dynamic_users.ts";
import { MAX_OF_A_KIND } from "../process/launchers.ts";
import { findProgram } from "../process/program.ts";
import type { KnownUsers } from "../process/known_users.ts";
import type { LaunchRequest, PreparedJob } from "./executor.ts";
import type { UserLookups } from "./user_lookups.ts";

/** The environment that every job starts with, before its own variables. */
export const CLEAN_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

/** What {@linkcode prepare} works with. */
export interface PrepareOptions {
  readonly groups: ProcessGroups;
  readonly lookups: UserLookups;
  readonly signal?: AbortSignal;
  readonly users: KnownUsers;
  /** Where each job that names no user gets one for itself. */
  readonly dynamicUsers: DynamicUsers | null;
  /** Where cgroup v2 is ours to write. */
  readonly cgroups: Cgroups | null;
  /** `HOME` and default working directory. */
  readonly home: string;
  /** See `LocalExecutorOptions`. */
  readonly newPrivileges: boolean;
}

/** How a job is started. Nothing of it exists yet. */
export interface Decision extends PreparedJob {
  readonly spec: ProcessSpec;
  /** What its cgroup is to keep it to. */
  readonly cgroupLimits: JobLimits;
}

/**
 * Decides how a job is started: finds its user, directory and program, and what can keep it to its limits.
 *
 * @throws `failed_precondition` for what is not there, or what the system does not let us do; `unavailable`
 */
export async function prepare(
  { jobId, command, execution }: LaunchRequest,
  options: PrepareOptions,
): Promise<Decision> {
  const { groups, cgroups, users } = options;
  const user = execution.user !== ""
    ? await users.find(execution.user)
    : await options.dynamicUsers?.reserve(jobId) ?? null;
  const ownUid = await users.ownUid();
  const uid = user?.uid ?? ownUid;
  if (execution.nice < 0 && uid !== 0) {
    const who = user === null ? "the daemon does not run as root" : `"${user.name}" is not root`;
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot set nice ${execution.nice}: ${who}`,
      { field: "execution.nice" },
    );
  }
  const home = user?.home ?? options.home;
  const ownHome = { HOME: home, ...user?.isDynamic && { TMPDIR: home } };
  const env = { ...CLEAN_ENVIRONMENT, ...ownHome, ...command.env, JOB_ID: jobId };
  const findPlace = (groups: ProcessGroups) => {
    const isNew = command.workingDirectory === "" && user?.isDynamic === true;
    const directory = command.workingDirectory !== ""
      ? { workingDirectory: command.workingDirectory }
      : isNew
      ? { workingDirectory: home, isNew }
      // A user's home need not exist, nor be open to them.
      : { workingDirectory: home, otherwise: "/" };
    return findProgram(command.name, { path: env.PATH, ...directory, groups });
  };
  const place = user === null || uid === ownUid
    ? await findPlace(groups)
    : await options.lookups.ask(user, findPlace, options);
  const byCgroup = cgroups?.canLimit(execution.limits) ?? false;
  const spec: ProcessSpec = {
    ...place,
    args: command.args,
    env,
    cgroup: cgroups?.entryOf(jobId) ?? "",
    umask: execution.umask,
    nice: execution.nice,
    // Only root can change the groups of a process.
    user: ownUid === 0 && user?.isOurs !== true ? user : null,
    newPrivileges: options.newPrivileges || uid === 0,
    rlimits: byCgroup ? {} : rlimitsOf(execution.limits, uid),
    hasInput: execution.hasInput,
  };
  return {
    workingDirectory: place.workingDirectory,
    user: user?.name ?? "",
    startedAt: Date.now(),
    spec,
    cgroupLimits: byCgroup ? execution.limits : {},
  };
}

/** How many processes of ours a job's user may have: those that wait for its next jobs, and one that looks at files. */
const OUR_PROCESSES = MAX_OF_A_KIND + 1;

/** The limits as each process has them by itself; what they cannot express is refused. */
function rlimitsOf(limits: JobLimits, uid: number): ProcessSpec["rlimits"] {
  const { memoryBytes, cpus, processes } = limits;
  if (cpus !== undefined) throw cannotLimit("cpus", "the cgroup v2 controller cpu is not there");
  if (processes !== undefined && uid === 0) {
    const why = "the cgroup v2 controller pids is not there, and RLIMIT_NPROC does not bind root";
    throw cannotLimit("processes", why);
  }
  return {
    ...(memoryBytes === undefined ? {} : { as: memoryBytes }),
    ...(processes === undefined ? {} : { nproc: processes + OUR_PROCESSES }),
  };
}

function cannotLimit(what: string, why: string): JobWorkerError {
  return new JobWorkerError("failed_precondition", `Cannot limit ${what}: ${why}`, {
    field: `execution.limits.${what}`,
  });
}
