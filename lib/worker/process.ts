import type { ExitStatus } from "./types.ts";
import { JobWorkerError, messageOf } from "../errors.ts";

/** Absolute paths of the programs that a start goes through. */
export interface LaunchTools {
  readonly setsid: string;
  readonly prlimit: string;
  readonly env: string;
  /** The soft limit of open files that jobs get. */
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
}

/** A process that leads a session and process group of its own: `pid` names all three. */
export interface Process {
  readonly pid: number;
  /** Never rejects. */
  readonly exit: Promise<ExitStatus>;
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * Starts a program in a new session. The only place where a job's process is made.
 *
 * `setsid(1)` rather than `detached: true`, which forks the whole daemon and is slow once that is
 * large. `prlimit(1)` puts the usual soft limit of descriptors back, which Deno raises for itself. Both become the program by execve(2), so the process id is the job's own from the start.
 *
 * @throws `resource_exhausted` with reason `E2BIG`, `EMFILE` or `EAGAIN`; `failed_precondition`
 */
export function startProcess(spec: ProcessSpec, tools: LaunchTools): Process {
  // Deno refuses to set these itself unless it may run every program.
  const loader = Object.entries(spec.env).filter(([name]) => name.startsWith("LD_"));
  const rest = Object.entries(spec.env).filter(([name]) => !name.startsWith("LD_"));
  const viaEnv = loader.length === 0
    ? []
    : [tools.env, ...loader.map(([name, value]) => `${name}=${value}`)];
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(tools.setsid, {
      args: [
        ...viaEnv,
        tools.prlimit,
        `--nofile=${tools.softDescriptorLimit}:`,
        "--",
        spec.program,
        ...spec.args,
      ],
      clearEnv: true,
      env: Object.fromEntries(rest),
      cwd: spec.workingDirectory,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw startError(spec, error);
  }
  return { pid: child.pid, exit: exitOf(child), stdout: child.stdout, stderr: child.stderr };
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
