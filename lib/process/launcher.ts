import awaitJob from "./await_job.sh" with { type: "text" };
import { exitOf } from "./child_exit.ts";
import { packEnvironment } from "./environment.ts";
import {
  enteringWords,
  EXEC_AS_USER,
  type LaunchTools,
  type Process,
  type ProcessSpec,
  programWords,
  SCRIPTS,
  withoutComments,
} from "./process.ts";

/** More than that would be told more slowly than another process is started: a shell reads byte by byte. */
const MAX_TOLD_BYTES = 2_048;

/** What a launcher has before it knows its job. */
export type LauncherKind = Pick<ProcessSpec, "user" | "newPrivileges">;

const AWAIT_SCRIPT = withoutComments(awaitJob);
const AWAIT_JOB = `eval "$JOB_ENV_AWAIT"; ${EXEC_AS_USER}`;

/**
 * A process that has been started ahead of time: it has the rights of jobs to come, no others, and waits in a session
 * of its own, and in a cgroup where there are cgroups, to be told which program to become.
 *
 * Whatever it is told comes from its standard input, which only we hold and may open, and is read with the rights of
 * the job. It ends when that closes, which it does at the latest when this process ends.
 */
export class Launcher {
  readonly #spawnedAt = performance.now();
  readonly #child: Deno.ChildProcess;
  /** Never rejects. */
  readonly exit: Process["exit"];
  #isTold = false;

  /**
   * @param cgroup the `cgroup.procs` to enter; `""` for none
   * @throws what Deno throws, if there are no descriptors or no processes left
   */
  constructor(kind: LauncherKind, cgroup: string, tools: LaunchTools) {
    this.#child = new Deno.Command(tools.setsid, {
      args: enteringWords({ ...PLAIN, ...kind, cgroup }, AWAIT_JOB, tools),
      clearEnv: true,
      env: { ...SCRIPTS, JOB_ENV_AWAIT: AWAIT_SCRIPT, JOB_LAUNCHER: String(Deno.pid) },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.exit = exitOf(this.#child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it is there still, and goes on if somebody with its rights has suspended it. */
  revive(): boolean {
    try {
      this.#child.kill("SIGCONT");
      return true;
    } catch {
      return false;
    }
  }

  /** Has it become a program, for which {@linkcode toldTo} has the words. */
  become(told: Uint8Array<ArrayBuffer>): Process {
    const { pid } = this;
    const { stdin, stdout, stderr } = this.#child;
    this.#isTold = true;
    const writer = stdin.getWriter();
    // If it has just been killed, its exit status says so.
    writer.write(told).catch(() => {});
    writer.close().catch(() => {});
    return { pid, spawnedAt: this.#spawnedAt, exit: this.exit, stdin: null, stdout, stderr };
  }

  /** Ends it, unless it has become a program. */
  async end(): Promise<void> {
    if (this.#isTold) return;
    const { stdin, stdout, stderr } = this.#child;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([
      this.exit,
      stdin.abort().catch(() => {}),
      stdout.cancel().catch(() => {}),
      stderr.cancel().catch(() => {}),
    ]);
  }
}

const PLAIN: Pick<ProcessSpec, "umask" | "nice" | "rlimits"> = { umask: "", nice: 0, rlimits: {} };

/** Whether there are launchers that could become such a program. */
export function couldBecome({ user, hasInput, nice, rlimits }: ProcessSpec): boolean {
  // The user of a single job has no others, and the input of a job is a pipe that its user may open.
  return user?.isDynamic !== true && !hasInput && nice === 0 && Object.keys(rlimits).length === 0;
}

/**
 * What to tell a launcher so that it becomes a program.
 *
 * @returns `null` for what a launcher cannot do, or not sooner than another process
 */
export function toldTo(spec: ProcessSpec, tools: LaunchTools): Uint8Array<ArrayBuffer> | null {
  if (!couldBecome(spec)) return null;
  const { variables: { JOB_ID = "", ...variables }, ...counts } = packEnvironment(spec.env);
  const args = programWords(spec, counts, tools);
  const values = Object.values(variables);
  const told = [
    ...[spec.umask, JOB_ID],
    ...[String(values.length), ...values],
    ...[String(args.length), ...args],
  ];
  if (told.reduce((sum, { length }) => sum + length + 2, 0) > MAX_TOLD_BYTES) return null;
  return new TextEncoder().encode(told.map(linesOf).join(""));
}

/** A value as `await_job.sh` reads it. */
function linesOf(value: string): string {
  const lines = value.split("\n");
  const last = lines.pop() ?? "";
  return `${lines.map((line) => `+${line}\n`).join("")}-${last}\n`;
}
