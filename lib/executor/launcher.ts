import { formatDuration } from "../text/duration.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Cgroups } from "../process/cgroups.ts";
import { checkCommand } from "../job/command.ts";
import { completeExecution, type ExecutionRequest } from "../job/execution.ts";
import { CgroupTree, type JobTree, SessionTree } from "../process/job_tree.ts";
import { checkLabels } from "../job/labels.ts";
import { checkLogLimit } from "../job/log_limit.ts";
import type { LogLibrary } from "../log/log_library.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  type LaunchTools,
  type Process,
  type ProcessSpec,
  startProcess,
} from "../process/process.ts";
import { ProcessGroups } from "../process/process_groups.ts";
import { findProgram } from "../process/program.ts";
import type { Command, Execution, Job, JobLimits, LogLimit } from "../job/types.ts";
import type { UserPolicy } from "../job/user_policy.ts";
import { chooseUser, type Rights, rightsOf } from "../process/users.ts";

/** The environment that every job starts with, before its own variables. */
const CLEAN_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

/** A look at a few paths takes milliseconds; whoever has the rights that it is made with can suspend it. */
const ACCESS_TIMEOUT_MS = 20_000;

/** What to start, and for whom. */
export interface LaunchRequest {
  readonly command: Pick<Command, "name"> & Partial<Command>;
  readonly owner: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** See `StartOptions`. */
  readonly requestId?: string;
  readonly execution?: ExecutionRequest;
  readonly logLimit: LogLimit;
}

/** What a {@linkcode Launcher} works with. */
export interface LauncherParts {
  readonly tools: LaunchTools;
  readonly groups: ProcessGroups;
  readonly logs: Pick<LogLibrary, "create" | "remove" | "flushNames">;
  /** `HOME` and default working directory. */
  readonly home: string;
  /** Where cgroup v2 is ours to write. */
  readonly cgroups: Cgroups | null;
  readonly users: UserPolicy;
  /** Of a job that does not say, and for every one; 0: for ever. In milliseconds. */
  readonly timeout: { readonly defaultMs: number; readonly maxMs: number };
  /** The most that a job may choose for its log. */
  readonly maxLogBytes: number;
  /** See `LogWriterOptions`. */
  readonly diskTimeoutMs?: number;
}

/** A job that could start now. */
export interface Prepared {
  /** As it will be recorded; its process id is still 0. */
  readonly job: Job;
  readonly spec: ProcessSpec;
  /** What the cgroup is to keep it to. */
  readonly cgroupLimits: JobLimits;
  readonly writer: LogWriter;
}

/** Brings a job to the brink of its first process, and over it. */
export class Launcher {
  readonly #parts: LauncherParts;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  /**
   * Checks a request, and decides everything. Makes nothing yet: what outlives this process must not
   * be made before the job is recorded, or nobody would find it again.
   *
   * @throws `invalid_argument`, `failed_precondition`
   */
  async prepare(jobId: string, request: LaunchRequest): Promise<Prepared> {
    const { groups, cgroups, users, logs, diskTimeoutMs } = this.#parts;
    const { owner, requestId = "", labels = {}, logLimit } = request;
    const command = { args: [], env: {}, workingDirectory: "", ...request.command };
    checkCommand(command);
    checkLabels(labels);
    checkLogLimit(logLimit, this.#parts.maxLogBytes);
    const execution = this.#withTimeout(completeExecution(request.execution ?? {}));
    const user = await chooseUser(execution.user, users, groups.shell);
    const own = Number(await groups.shell.ask("uid"));
    const uid = user?.uid ?? own;
    if (execution.nice < 0 && uid !== 0) {
      const who = user === null ? "the daemon does not run as root" : `"${user.name}" is not root`;
      throw new JobWorkerError(
        "failed_precondition",
        `Cannot set nice ${execution.nice}: ${who}`,
        { field: "execution.nice" },
      );
    }
    const home = user?.home ?? this.#parts.home;
    const env = { ...CLEAN_ENVIRONMENT, HOME: home, ...command.env, JOB_ID: jobId };
    const place = await this.#accessAs(uid === own ? null : user, async (groups) => {
      const workingDirectory = command.workingDirectory || await usable(home, groups);
      const options = { path: env.PATH, workingDirectory, groups };
      return { workingDirectory, program: await findProgram(command.name, options) };
    });
    const byCgroup = cgroups?.canLimit(execution.limits) ?? false;
    const rlimits = byCgroup ? {} : rlimitsOf(execution.limits, uid);
    const writer = logs.create(jobId, {
      limit: logLimit,
      ...(diskTimeoutMs === undefined ? {} : { diskTimeoutMs: diskTimeoutMs }),
    });
    const job: Job = {
      jobId,
      command: { ...command, workingDirectory: place.workingDirectory },
      pid: 0,
      owner,
      labels,
      requestId,
      startedAt: Date.now(),
      stdoutBytes: 0,
      stderrBytes: 0,
      execution: { ...execution, user: user?.name ?? "" },
      containment: cgroups === null ? "process_group" : "cgroup",
      usage: null,
      logLimit,
      logBytes: 0,
      outputTruncated: false,
      liveStatus: "running",
      end: null,
    };
    const spec = {
      ...place,
      args: command.args,
      env,
      cgroup: cgroups?.entryOf(jobId) ?? "",
      umask: execution.umask,
      nice: execution.nice,
      // Nobody else can change its groups.
      user: own === 0 ? user : null,
      rlimits,
      hasInput: execution.hasInput,
    };
    return { job, spec, cgroupLimits: byCgroup ? execution.limits : {}, writer };
  }

  /** Makes the cgroup of a job, where jobs have one. */
  async equip({ job, cgroupLimits }: Prepared): Promise<void> {
    await this.#parts.cgroups?.make(job.jobId, cgroupLimits);
  }

  /** Starts the process, at once. */
  launch({ spec }: Prepared): Process {
    return startProcess(spec, this.#parts.tools);
  }

  /** What holds the processes of a job that has been launched. */
  treeOf(jobId: string, pid: number): JobTree {
    const { cgroups, groups } = this.#parts;
    return cgroups === null ? new SessionTree(groups, pid) : new CgroupTree(cgroups, jobId);
  }

  /**
   * By what a later worker finds the processes of a job whose leader is this: its identity, unless they are
   * in a cgroup, from whose name they can be told at no cost.
   */
  async identityOf(pid: number): Promise<string> {
    return this.#parts.cgroups === null ? await this.#parts.groups.identityOf(pid) : "";
  }

  /** Removes what there is of a job that does not start. May be repeated. */
  async abandon({ job, writer }: Prepared): Promise<void> {
    await writer[Symbol.asyncDispose]();
    await this.#parts.cgroups?.remove(job.jobId);
    await this.#parts.logs.remove(job.jobId);
    await this.#parts.logs.flushNames();
  }

  #withTimeout(execution: Execution): Execution {
    const { defaultMs, maxMs } = this.#parts.timeout;
    const timeoutMs = execution.timeoutMs || defaultMs || maxMs;
    checkMaxTimeout(timeoutMs, maxMs, "execution.timeoutMs");
    return { ...execution, timeoutMs };
  }

  /**
   * Looks at paths with the rights that the job will have: with ours, those of root, a client would be
   * let into directories, and learn of files, that are none of that user's business.
   *
   * @param user `null` for our own rights
   * @throws `unavailable`
   */
  async #accessAs<T>(
    user: Rights | null,
    check: (groups: ProcessGroups) => Promise<T>,
  ): Promise<T> {
    const { groups, tools } = this.#parts;
    if (user === null) return await check(groups);
    const timeout = new AbortController();
    const tooLong = () => timeout.abort(new Error(`no answer within ${ACCESS_TIMEOUT_MS} ms`));
    const timer = setTimeout(tooLong, ACCESS_TIMEOUT_MS);
    try {
      await using theirs = new ProcessGroups({
        setsid: tools.setsid,
        through: [tools.setpriv, ...rightsOf(user), "--"],
        sh: tools.sh,
        signal: timeout.signal,
      });
      return await check(theirs);
    } catch (error) {
      if (error instanceof JobWorkerError) throw error;
      throw new JobWorkerError(
        "unavailable",
        `Cannot start the job: cannot look at files as user ${user.uid}: ${messageOf(error)}`,
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

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
    ...(processes === undefined ? {} : { nproc: processes }),
  };
}

/** @throws `invalid_argument` for more time than a job may have */
export function checkMaxTimeout(timeoutMs: number, maxMs: number, field: string): void {
  if (maxMs === 0 || (timeoutMs > 0 && timeoutMs <= maxMs)) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid timeout ${
      timeoutMs === 0 ? "of none" : formatDuration(timeoutMs)
    }: this daemon lets no job ` +
      `run longer than ${formatDuration(maxMs)}`,
    { field },
  );
}

/** A user's home need not exist, nor be open to it. */
async function usable(home: string, groups: ProcessGroups): Promise<string> {
  const [access] = await groups.access([home]);
  return access?.kind === "directory" && access.usable ? home : "/";
}

function cannotLimit(what: string, why: string): JobWorkerError {
  return new JobWorkerError("failed_precondition", `Cannot limit ${what}: ${why}`, {
    field: `execution.limits.${what}`,
  });
}
