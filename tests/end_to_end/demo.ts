import { ROOT } from "../programs.ts";
import { TestProcess } from "./process.ts";

/** A demo as `deno task` runs it, with its temporary directory in this one. */
export async function startDemo(
  task: "demo" | "demo:fleet",
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TestProcess> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const [, ...args] = String(tasks[task].command).split(" ");
  return new TestProcess([Deno.execPath(), ...args], {
    cwd: ROOT,
    env: { TMPDIR: directory, ...env },
  });
}

/** The ids of all jobs that a text speaks of. */
export function jobIdsIn(text: string): string[] {
  return [...new Set(text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g))];
}
