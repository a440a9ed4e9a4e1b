/**
 * `deno task dev`: runs the daemon with development certificates, and restarts it after every change of the
 * source. `deno run --watch` would drop the old program without letting it end its jobs.
 *
 * @module
 */

/** Where the sources of the daemon are. */
const WATCHED = ["lib", "proto", "server.ts", "deno.json"];
const IS_SOURCE = /\.\w+$/;

/** Editors write a file in several steps. */
const SETTLE_MS = 100;

/** This executable: a `deno` in the `PATH` may be a script that does not pass signals on. */
function deno(...args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args: [...args], stdin: "null" }).spawn();
}

/** The arguments of a task, without `deno task`, which does not pass signals on either. */
async function taskArgs(task: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
  return String(tasks[task].command).replaceAll("$PWD", Deno.cwd()).split(" ").slice(1);
}

async function say(text: string): Promise<void> {
  await Deno.stderr.write(new TextEncoder().encode(`deno task dev: ${text}\n`));
}

let changed = Promise.withResolvers<void>();
let ending = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.addSignalListener(signal, () => {
    ending = true;
    changed.resolve();
  });
}
// See server.ts.
Deno.addSignalListener("SIGCHLD", () => {});

if (!await Deno.stat("certs/server-cert.pem").then(() => true, () => false)) {
  const { success } = await deno(...await taskArgs("certs")).status;
  if (!success) Deno.exit(1);
}

const watcher = Deno.watchFs(WATCHED);
const watching = (async () => {
  for await (const { paths } of watcher) {
    if (paths.some((path) => IS_SOURCE.test(path))) changed.resolve();
  }
})();

while (!ending) {
  // The daemon that starts now has every change so far.
  changed = Promise.withResolvers();
  const daemon = deno(...await taskArgs("start"), ...Deno.args);
  const ended = await Promise.race([changed.promise, daemon.status]);
  if (ended !== undefined) {
    await say(`The daemon has ended with ${ended.code}; waiting for a change of the source`);
    await changed.promise;
  }
  try {
    daemon.kill("SIGTERM");
  } catch (error) {
    // It has ended by itself, for instance because the source did not compile.
    if (!(error instanceof TypeError)) throw error;
  }
  await daemon.status;
  if (!ending) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
watcher.close();
await watching;
Deno.exit(0);
