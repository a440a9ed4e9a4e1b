/**
 * The two programs as tests and the demo run them, chosen here and nowhere else: from the source, as
 * `deno task` does and with the very permissions that users give them, or, if the variable
 * `JOB_WORKER_EXECUTABLES` names a directory, the executables in its `bin/`. These have an environment
 * with nothing but a home, a cache and, as `PATH`, the `path/` beside them.
 *
 * @module
 */

/** The top of the repository, with a final slash. */
export const ROOT: string = new URL("../", import.meta.url).pathname;

const EXECUTABLES = Deno.env.get("JOB_WORKER_EXECUTABLES");

/** Whether the programs are those of the source tree. */
export const IS_SOURCE: boolean = EXECUTABLES === undefined;

/** What the programs tell users to run. */
export const COMMAND_HINTS: Readonly<
  Record<"makeCertificates" | "makeClient" | "startDaemon", string>
> = IS_SOURCE
  ? {
    makeCertificates: "deno task certs",
    makeClient: "deno task certs",
    startDaemon: "deno task start",
  }
  : {
    makeCertificates: "worker-cli certs",
    makeClient: "worker-cli certs add NAME --role ROLE",
    startDaemon: "worker-daemon",
  };

const TASKS = { "worker-daemon": "start", "worker-cli": "cli" } as const;

/**
 * Program and arguments by which the daemon or the CLI is run; their own arguments come after them.
 *
 * @param directory the working directory of the process, where its data and certificates are
 * @param permissions flags of deno beyond those of the task; the executables know what they need
 */
export function programLine(
  name: "worker-daemon" | "worker-cli",
  directory: string,
  permissions: readonly string[] = [],
): string[] {
  if (EXECUTABLES === undefined) {
    const [run = "", ...args] = taskArgs(TASKS[name], directory);
    return [Deno.execPath(), run, ...permissions, ...args];
  }
  // What a test adds for this process stays; what is ours goes.
  const kept = ["HOME", "XDG_CACHE_HOME"];
  const ours = Object.keys(Deno.env.toObject()).filter((name) => !kept.includes(name));
  return [
    "/usr/bin/env",
    ...ours.map((name) => `--unset=${name}`),
    "NO_COLOR=1",
    `PATH=${EXECUTABLES}/path`,
    `${EXECUTABLES}/bin/${name}`,
  ];
}

/** The arguments of `deno` by which a task runs its entry. */
export function taskArgs(task: "start" | "cli", directory: string): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
  const command = String(tasks[task].command).replaceAll("$PWD", directory);
  const [deno, ...args] = command.split(" ");
  if (deno !== "deno" || args[0] !== "run") throw new Error(`Task ${task} does not run deno`);
  const entry = args.pop();
  return ["run", `--config=${ROOT}deno.json`, "--frozen", ...args.slice(1), `${ROOT}${entry}`];
}

/** What a daemon must be told before it runs jobs and gateways as root, for those who run it as root. */
export const AS_ROOT: readonly string[] = Deno.uid() === 0
  ? ["--job-user=root", "--gateway-user=root"]
  : [];
