import { assert } from "../../assert.ts";
import { WITHOUT_REST } from "../../end_to_end/daemon.ts";
import { processesOf, TestProcess } from "../../end_to_end/process.ts";
import { AS_ROOT, programLine, ROOT } from "../../programs.ts";
import { temporaryDirectory, until } from "../../worker/fixture.ts";

/** What `deno task dev` and the daemon need of the repository. */
const SOURCES = ["lib", "proto", "server.ts", "cli.ts", "deno.json", "deno.lock"];

/** The processes whose working directory is this one. */
async function processesIn(directory: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const cwd = await Deno.readLink(`/proc/${name}/cwd`).catch(() => "");
    if (cwd === directory) found.push(Number(name));
  }
  return found;
}

/** Runs `deno task dev` in a copy of the repository. */
async function startDev(cwd: string, options: readonly string[]): Promise<TestProcess> {
  const copy = await new Deno.Command("cp", {
    args: ["-r", ...SOURCES.map((name) => ROOT + name), cwd],
  }).output();
  assert.ok(copy.success);
  const { tasks } = JSON.parse(await Deno.readTextFile(`${cwd}/deno.json`));
  const [, ...args] = String(tasks.dev.command).split(" ");
  return new TestProcess([Deno.execPath(), ...args, ...options], { cwd, env: WITHOUT_REST });
}

Deno.test("deno task dev says that it waits when the daemon has ended by itself", async () => {
  await using directory = await temporaryDirectory();
  const cwd = await Deno.realPath(directory.path);
  await using dev = await startDev(cwd, ["--frobnicate"]);
  const waits =
    /Unknown option "--frobnicate".*\n.*ended with 2; waiting for a change of the source\n/;
  await dev.seenOnStderr(waits);
  await Deno.writeTextFile(`${cwd}/lib/version.ts`, "\n// Changed\n", { append: true });
  await dev.seenOnStderr(new RegExp(`${waits.source}.*${waits.source}`));
  dev.kill("SIGTERM");
  assert.equal((await dev.finished()).code, 0);
  assert.deepEqual(await processesIn(cwd), []);
});

Deno.test("deno task dev starts the daemon anew after a change, and leaves nothing running", async () => {
  await using directory = await temporaryDirectory();
  const cwd = await Deno.realPath(directory.path);
  await using dev = await startDev(cwd, ["--address=127.0.0.1:0", ...AS_ROOT]);

  const [, address] = await dev.seen(/listening on (\S+)\n/);
  const start = ["start", `--address=${address}`, "--", "sh", "-c", "sleep 1000 & sleep 1000"];
  await using cli = new TestProcess([...programLine("worker-cli", cwd), ...start], { cwd });
  const { stdout: jobId, stderr } = await cli.finished();
  assert.equal(stderr, "");
  await until(async () => (await processesOf([jobId.trim()])).length > 1);

  await Deno.writeTextFile(`${cwd}/lib/version.ts`, "\n// Changed\n", { append: true });
  await dev.seen(/listening on .*\n(?:.*\n)*.*listening on \S+\n/);
  assert.deepEqual(await processesOf([jobId.trim()]), []);

  dev.kill("SIGTERM");
  const { code, stdout } = await dev.finished();
  assert.equal(code, 0);
  assert.equal(stdout.match(/listening on/g)?.length, 2);
  assert.deepEqual(await processesIn(cwd), []);
});
