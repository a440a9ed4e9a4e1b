/**
 * How `deno task` runs the daemon and the CLI, read from deno.json, so that tests and the demo run
 * them with the very permissions that users do.
 *
 * @module
 */

/** The top of the repository, with a final slash. */
export const ROOT: string = new URL("../", import.meta.url).pathname;

/**
 * The arguments of `deno` by which a task runs its entry.
 *
 * @param directory the working directory of the process, where its data and certificates are
 */
export function taskArgs(task: "start" | "cli", directory: string): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
  const command = String(tasks[task].command).replaceAll("$PWD", directory);
  const [deno, ...args] = command.split(" ");
  if (deno !== "deno" || args[0] !== "run") throw new Error(`Task ${task} does not run deno`);
  const entry = args.pop();
  return ["run", `--config=${ROOT}deno.json`, "--frozen", ...args.slice(1), `${ROOT}${entry}`];
}

/** What a daemon must be told before it runs jobs as root, for those who run it as root. */
export const AS_ROOT: readonly string[] = Deno.uid() === 0 ? ["--job-user=root"] : [];
