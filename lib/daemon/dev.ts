/**
 * `deno task dev`: runs the daemon with development certificates, and anew after every change of the
 * source. Not `deno run --watch`, which drops the old program without letting it end its jobs.
 *
 * @module
 */

import { messageOf } from "../errors.ts";

const WATCHED = ["lib", "proto", "server.ts", "deno.json"];
/** Editors write a file in several steps. */
const SETTLE_MS = 100;

function deno(...args: string[]): Deno.ChildProcess {
  return new Deno.Command("deno", { args, stdin: "null" }).spawn();
}

/** The command of a task without `deno task`, which would not pass signals on. */
async function taskCommand(task: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
  return String(tasks[task].command).split(" ").slice(1);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const ending = Promise.withResolvers<"end">();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.addSignalListener(signal, () => ending.resolve("end"));
}

if (!await exists("certs/server-cert.pem")) {
  const { success } = await deno(...await taskCommand("certs")).status;
  if (!success) Deno.exit(1);
}

using watcher = Deno.watchFs(WATCHED);
const changes = watcher[Symbol.asyncIterator]();

async function changed(): Promise<"changed"> {
  while (!(await changes.next()).value.paths.some((path: string) => /\.\w+$/.test(path)));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return "changed";
}

let change = changed();
for (;;) {
  const daemon = deno(...await taskCommand("start"), ...Deno.args);
  const reason = await Promise.race([change, ending.promise]);
  try {
    daemon.kill("SIGTERM");
  } catch (error) {
    // It ended by itself, for instance because the source did not compile.
    if (!(error instanceof TypeError)) throw new Error(messageOf(error), { cause: error });
  }
  await daemon.status;
  if (reason === "end") break;
  change = changed();
}
Deno.exit(0);
