import execAsUser from "./exec_as_user.sh" with { type: "text" };
import enterJob from "./enter_job.sh" with { type: "text" };
import { JobWorkerError, messageOf } from "../errors.ts";
import { exitOf } from "./child_exit.ts";
import { type PackedEnvironment, packEnvironment } from "./environment.ts";
import type { Tools } from "./tools.ts";
import type { ExitStatus } from "../job/types.ts";
import { NO_NEW_PRIVILEGES, type Rights, rightsOf } from "./users.ts";

/** The programs that a start goes through. */
export interface LaunchTools extends Tools {
  /** The soft limit of open files that jobs get: Deno raises it for itself. */
  readonly softDescriptorLimit: number;
}

/** A script without the lines that are comments: a shell would take 0.05 ms to read them, once for each job. */
export function withoutComments(script: string): string {
  return script.replaceAll(/^ *#.*\n/gm, "");
}

/** A program to run; nothing about it is left to decide. */
export interface ProcessSpec {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** The `cgroup.procs` to enter before anything else; `""` for none. */
  readonly cgroup: string;
  /** Octal; `""` for our own. */
  readonly umask: string;
  readonly nice: number;
  /** `null` for our own: we can give no other unless we are root. */
  readonly user: Rights | null;
  /** Whether it may gain rights that this user has not (`PR_SET_NO_NEW_PRIVS` of prctl(2)). */
  readonly newPrivileges: boolean;
  /** Limits, by the names of prlimit(1). */
  readonly rlimits: Readonly<Record<string, number>>;
  readonly hasInput: boolean;
}

/** A process that leads a session and process group of its own: `pid` names all three. */
export interface Process {
  readonly pid: number;
  /** A time of `performance.now()` at which it was not there yet, but nearly. */
  readonly spawnedAt: number;
  /** Never rejects. */
  readonly exit: Promise<ExitStatus>;
  /** `null` where it is /dev/null. */
  readonly stdin: WritableStream<Uint8Array<ArrayBuffer>> | null;
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * The scripts are variables. As arguments everybody would see them in ps(1), and every log of execve(2)
 * would hold them once for each job. As files they would have to be readable by the users of jobs, and
 * present at every start. `exec_as_user.sh` unsets the variables.
 */
export const SCRIPTS = {
  JOB_ENV_ENTER: withoutComments(enterJob),
  JOB_ENV_EXEC: withoutComments(execAsUser),
};
const ENTER_JOB = 'eval "$JOB_ENV_ENTER"';
/** What a shell with the rights of the job does. */
export const EXEC_AS_USER = 'eval "$JOB_ENV_EXEC"';

/**
 * Starts a program in a new session. This is the only place where a job's process is made.
 *
 * It goes through setsid(1), since `detached: true` would fork the whole daemon, which is slow once the
 * daemon is large; then through a few lines of sh, for what must be done before the program's first
 * instruction. Each becomes the next by execve(2), so the process id is the job's own from the start.
 *
 * While the process has the rights of the daemon, what a client chose reaches it only as arguments: it
 * enters the directory and sets the variables once it has the rights of the job. A job that has those of the
 * daemon, and inherits all else, needs no sh.
 *
 * @param options.inheritsLimits whether our limits are those of jobs, see `OwnLimit`
 * @throws `resource_exhausted` with reason `E2BIG`, `EMFILE` or `EAGAIN`; `failed_precondition`
 */
export function startProcess(
  spec: ProcessSpec,
  tools: LaunchTools,
  { inheritsLimits = false }: { readonly inheritsLimits?: boolean } = {},
): Process {
  const spawnedAt = performance.now();
  const child = inheritsLimits && needsNoShell(spec)
    ? startAtOnce(spec, tools) ?? startByShell(spec, tools)
    : startByShell(spec, tools);
  return {
    pid: child.pid,
    spawnedAt,
    exit: exitOf(child),
    stdin: spec.hasInput ? child.stdin : null,
    stdout: child.stdout,
    stderr: child.stderr,
  };
}

/** Whether there is nothing to do before its first instruction that Deno cannot do. */
function needsNoShell(
  { cgroup, umask, nice, user, rlimits, workingDirectory }: ProcessSpec,
): boolean {
  return cgroup === "" && umask === "" && nice === 0 && user === null &&
    Object.keys(rlimits).length === 0 &&
    // Where these lead the kernel is to say, and not Deno, which would drop the name before them.
    !workingDirectory.split("/").includes("..");
}

/** @returns `null` if that is not possible: a shell says why as it does for all jobs, or can do it */
function startAtOnce(spec: ProcessSpec, tools: LaunchTools): Deno.ChildProcess | null {
  const { program, args, env, workingDirectory: cwd } = spec;
  try {
    return new Deno.Command(tools.setsid, {
      args: [program, ...args],
      env: { ...env },
      cwd,
      ...pipesOf(spec),
    }).spawn();
  } catch {
    return null;
  }
}

function startByShell(spec: ProcessSpec, tools: LaunchTools): Deno.ChildProcess {
  const { variables, ...counts } = packEnvironment(spec.env);
  try {
    return new Deno.Command(tools.setsid, {
      args: [...enteringWords(spec, EXEC_AS_USER, tools), ...programWords(spec, counts, tools)],
      env: { ...variables, ...SCRIPTS },
      cwd: "/",
      ...pipesOf(spec),
    }).spawn();
  } catch (error) {
    throw startError(spec, error);
  }
}

function pipesOf({ hasInput }: ProcessSpec) {
  return {
    clearEnv: true,
    stdin: hasInput ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  } as const;
}

/**
 * The program and arguments of `enter_job.sh`, and of what follows until a shell has the rights of the job.
 *
 * @param asUser what this shell does
 */
export function enteringWords(
  { user, nice, cgroup, umask, newPrivileges, rlimits }: Omit<
    ProcessSpec,
    "program" | "args" | "env" | "workingDirectory" | "hasInput"
  >,
  asUser: string,
  tools: LaunchTools,
): string[] {
  const limits = Object.entries(rlimits).map(([name, value]) => `--${name}=${value}`);
  const noNew = newPrivileges ? [] : [NO_NEW_PRIVILEGES];
  const between = [
    ...(nice === 0 ? [] : [tools.nice, "-n", String(nice)]),
    ...(user === null ? [] : [tools.setpriv, ...rightsOf(user), ...noNew, "--"]),
    ...(limits.length === 0 ? [] : [tools.prlimit, ...limits, "--"]),
  ];
  const next = between.length === 0 ? asUser : 'exec "$@"';
  return [
    ...[tools.sh, "-c", `${ENTER_JOB}; ${next}`, "job-worker"],
    ...[tools.chown, user === null ? "" : `${user.uid}:${user.gid}`],
    ...[String(tools.softDescriptorLimit), cgroup, umask],
    ...(between.length === 0 ? [] : [...between, tools.sh, "-c", asUser, "job-worker"]),
  ];
}

/** The arguments of `exec_as_user.sh`. */
export function programWords(
  { workingDirectory, program, args }: ProcessSpec,
  { exported, passed }: Pick<PackedEnvironment, "exported" | "passed">,
  tools: LaunchTools,
): string[] {
  // env(1) would mistake a path with "=" for a variable.
  const shield = passed > 0 && program.includes("=") ? [tools.nice, "-n", "0"] : [];
  const counts = [String(exported), String(passed)];
  return [workingDirectory, ...counts, tools.env, ...shield, program, ...args];
}

const REASONS: Readonly<Record<string, string>> = {
  E2BIG: "the arguments and environment are longer than the kernel accepts (execve(2), ARG_MAX)",
  EMFILE: "the daemon has no file descriptor left",
  ENFILE: "the system has no file descriptor left",
  EAGAIN: "no further process is allowed (RLIMIT_NPROC or pids.max)",
  ENOMEM: "out of memory",
};

function startError(spec: ProcessSpec, error: unknown): JobWorkerError {
  const errno = error instanceof Error && "code" in error ? String(error.code) : "";
  const exhausted = REASONS[errno];
  return new JobWorkerError(
    exhausted === undefined ? "failed_precondition" : "resource_exhausted",
    `Cannot start "${spec.program}": ${exhausted ?? messageOf(error)}`,
    { reason: errno, cause: error },
  );
}
