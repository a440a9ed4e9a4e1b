import script from "./launch.sh" with { type: "text" };
import { JobWorkerError, messageOf } from "../errors.ts";
import type { ExitStatus } from "./types.ts";

/** Absolute paths of the programs that a start goes through. */
export interface LaunchTools {
  readonly setsid: string;
  readonly sh: string;
  readonly env: string;
  readonly nice: string;
  readonly setpriv: string;
  readonly prlimit: string;
  /** The soft limit of open files that jobs get: Deno raises it for itself. */
  readonly softDescriptorLimit: number;
}

/** A program to run, everything decided. */
export interface ProcessSpec {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** The `cgroup.procs` to enter before anything else; `""` for none. */
  readonly cgroup: string;
  /** Octal; `""` for ours. */
  readonly umask: string;
  readonly nice: number;
  /** Numeric ids, whose supplementary groups are taken from group(5); `null` for our own. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
  /** Limits of prlimit(1) by their names there. */
  readonly rlimits: Readonly<Record<string, number>>;
  readonly hasInput: boolean;
}

/** A process that leads a session and process group of its own: `pid` names all three. */
export interface Process {
  readonly pid: number;
  /** Never rejects. */
  readonly exit: Promise<ExitStatus>;
  /** `null` where it is /dev/null. */
  readonly stdin: WritableStream<Uint8Array<ArrayBuffer>> | null;
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Variables that a shell sets or reads for itself. */
const OF_THE_SHELL = /^(?:PWD|OLDPWD|SHLVL|IFS|PS[0-4]|PPID|OPTIND|OPTARG|LINENO|_|ENV|BASH.*)$/;

/**
 * Starts a program in a new session. The only place where a job's process is made.
 *
 * `setsid(1)` rather than `detached: true`, which forks the whole daemon and is slow once that is
 * large. Then a few lines of sh, which do what must come before the program's first instruction. All
 * of them become the next by execve(2), so the process id is the job's own from the start.
 *
 * @throws `resource_exhausted` with reason `E2BIG`, `EMFILE` or `EAGAIN`; `failed_precondition`
 */
export function startProcess(spec: ProcessSpec, tools: LaunchTools): Process {
  // A shell would drop or change some variables, and Deno sets no LD_* unless it may run everything.
  const names = Object.keys(spec.env);
  const direct = names.filter((name) =>
    /^[A-Za-z_]\w*$/.test(name) && !name.startsWith("LD_") && !OF_THE_SHELL.test(name)
  );
  const rest = names.filter((name) => !direct.includes(name));
  const { user, nice } = spec;
  const limits = Object.entries(spec.rlimits).map(([name, value]) => `--${name}=${value}`);
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(tools.setsid, {
      args: [
        ...[tools.sh, "-c", script, "job-worker"],
        ...[String(tools.softDescriptorLimit), spec.cgroup, spec.umask],
        ...(nice === 0 ? [] : [tools.nice, "-n", String(nice)]),
        ...(user === null ? [] : [tools.setpriv, ...privileges(user), "--"]),
        ...(limits.length === 0 ? [] : [tools.prlimit, ...limits, "--"]),
        ...(rest.length === 0
          ? []
          : [tools.env, ...rest.map((name) => `${name}=${spec.env[name]}`)]),
        spec.program,
        ...spec.args,
      ],
      clearEnv: true,
      env: Object.fromEntries(direct.map((name) => [name, spec.env[name] ?? ""])),
      cwd: spec.workingDirectory,
      stdin: spec.hasInput ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw startError(spec, error);
  }
  return {
    pid: child.pid,
    exit: exitOf(child),
    stdin: spec.hasInput ? child.stdin : null,
    stdout: child.stdout,
    stderr: child.stderr,
  };
}

function privileges({ uid, gid }: { uid: number; gid: number }): string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, "--init-groups"];
}

async function exitOf(child: Deno.ChildProcess): Promise<ExitStatus> {
  try {
    const { code, signal } = await child.status;
    return signal === null ? { code } : { signal };
  } catch (error) {
    // Deno has no name for a real-time signal and rejects: "Invalid signal: 34".
    const number = /Invalid signal: (\d+)/.exec(messageOf(error))?.[1];
    return { signal: number === undefined ? "SIGUNKNOWN" : `SIG${number}` };
  }
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
