import { assert } from "../assert.ts";
import { until } from "../worker/fixture.ts";
import { sharedDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();

Deno.test("wait returns when the job ends, with its status and without its output", async () => {
  const go = `${daemon.directory}/go-on`;
  const jobId = await daemon.sh(`echo a; while [ ! -e ${go} ]; do sleep 0.02; done; exit 42`);
  await using first = daemon.startCli(["wait", jobId]);
  await using second = daemon.startCli(["wait", "--json", jobId], "viewer");
  assert.equal(
    JSON.parse((await daemon.cli(["status", "--json", jobId])).stdout).status,
    "running",
  );
  await Deno.writeTextFile(go, "");
  const { code, stdout, stderr } = await first.finished();
  assert.deepEqual({ code, stdout, stderr }, { code: 42, stdout: "", stderr: "" });
  const json = await second.finished();
  assert.equal(json.code, 42);
  assert.deepEqual(JSON.parse(json.stdout).exitStatus, { code: 42 });
});

Deno.test("wait for a job that has ended returns at once", async () => {
  const jobId = await daemon.ran("kill -KILL $$");
  assert.equal((await daemon.cli(["wait", jobId])).code, 137);
});

Deno.test("wait leaves at Ctrl-C without ending the job", async () => {
  const jobId = await daemon.sh("sleep 1000");
  await using process = daemon.startCli(["--debug", "wait", jobId]);
  // Nothing tells from outside that it waits, but a signal handler comes before everything else.
  await handlesSigint(process.pid);
  process.kill("SIGINT");
  assert.equal((await process.finished()).code, 130);
  assert.equal(
    JSON.parse((await daemon.cli(["status", "--json", jobId])).stdout).status,
    "running",
  );
});

/** Waits until a process catches SIGINT, see SigCgt of proc_pid_status(5). */
async function handlesSigint(pid: number): Promise<void> {
  await until(async () => {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return (parseInt(/SigCgt:\s+\S*(\S)$/m.exec(status)?.[1] ?? "0", 16) & 2) !== 0;
  });
}
