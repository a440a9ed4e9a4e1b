import { assert } from "../assert.ts";
import { until } from "../worker/fixture.ts";
import { sharedDaemon } from "./daemon.ts";
import { processesOf } from "./process.ts";

const daemon = await sharedDaemon();

/** Starts a script, and waits until it has said that it is ready. */
async function ready(script: string): Promise<string> {
  await using process = daemon.startCli(["run", "--json", "--", "sh", "-c", script]);
  const [, jobId = ""] = await process.seen(/"jobId":"([^"]+)"/);
  await process.seen(/ready/);
  return jobId;
}

async function outcomeOf(jobId: string): Promise<unknown[]> {
  const { stdout } = await daemon.cli(["status", "--json", jobId]);
  const { status, reason, exitStatus } = JSON.parse(stdout);
  return [status, reason, exitStatus];
}

Deno.test("stop ends a job with all that it started", async () => {
  // Children, children's children, and some in process groups of their own.
  const jobId = await ready(
    "sleep 1000 & sh -c 'sleep 1000 & sleep 1000' & set -m; sleep 1000 & sleep 1000 & echo ready; wait",
  );
  // Those that were forked in the background may still be on their way.
  await until(async () => (await processesOf([jobId])).length >= 6);
  const { code, stdout, stderr } = await daemon.cli(["stop", jobId]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await processesOf([jobId]), []);
  assert.deepEqual(await outcomeOf(jobId), ["cancelled", "stopped", { signal: "SIGTERM" }]);
});

Deno.test("stop kills what ignores the signal once the grace period is over", async () => {
  const jobId = await ready(
    "trap '' TERM; (trap '' TERM; sleep 1000) & echo ready; while :; do sleep 1; done",
  );
  const { code, stdout } = await daemon.cli(["stop", jobId, "--grace", "200ms", "--json"]);
  assert.equal(code, 0);
  const { status, reason, exitStatus } = JSON.parse(stdout);
  assert.deepEqual([status, reason, exitStatus], ["cancelled", "stopped", { signal: "SIGKILL" }]);
  assert.deepEqual(await processesOf([jobId]), []);
});

Deno.test("stop sends the signal it is told to, and lets a suspended job go on to take it", async () => {
  const [interrupted, suspended] = await Promise.all([
    ready("trap 'exit 6' INT; echo ready; while :; do sleep 0.02; done"),
    ready("trap 'echo bye; exit 7' TERM; echo ready; kill -STOP $$; while :; do sleep 0.02; done"),
  ]);
  const stops = await Promise.all([
    daemon.cli(["stop", interrupted, "--signal", "INT"]),
    daemon.cli(["stop", suspended]),
  ]);
  assert.deepEqual(stops.map(({ code }) => code), [0, 0]);
  assert.deepEqual(await outcomeOf(interrupted), ["cancelled", "stopped", { code: 6 }]);
  assert.deepEqual(await outcomeOf(suspended), ["cancelled", "stopped", { code: 7 }]);
  const { stdout } = await daemon.cli(["logs", "all", suspended]);
  assert.equal(stdout, "ready\nbye\n");
});

Deno.test("several stops at once are one stop", async () => {
  const jobId = await ready(
    "trap 'echo stopping; sleep 0.1; exit 0' TERM; echo ready; while :; do sleep 0.02; done",
  );
  const stops = await Promise.all(Array.from({ length: 4 }, () => daemon.cli(["stop", jobId])));
  // The stops that came after its end are told so.
  assert.ok(stops.some(({ code }) => code === 0));
  for (const { code, stderr } of stops) {
    if (code !== 0) assert.match(stderr, /it has already ended \(cancelled\)/);
  }
  const { stdout } = await daemon.cli(["logs", "all", jobId]);
  assert.equal(stdout, "ready\nstopping\n");
});

Deno.test("stop says why it cannot", async () => {
  const jobId = await daemon.ran("exit 3");
  const running = await ready("echo ready; sleep 1000");
  const [ended, viewer, signal, grace, long] = await Promise.all([
    daemon.cli(["stop", jobId]),
    daemon.cli(["stop", running], "viewer"),
    daemon.cli(["stop", running, "--signal", "SIGNOTHING"]),
    daemon.cli(["stop", running, "--grace", "soon"]),
    daemon.cli(["stop", running, "--grace", "25h"]),
  ]);
  assert.deepEqual([ended.code, ended.stdout], [125, ""]);
  assert.equal(
    ended.stderr,
    `worker-cli: Cannot stop job "${jobId}": it has already ended (failed)\n`,
  );
  assert.equal(viewer.code, 125);
  assert.match(
    viewer.stderr,
    /Permission denied: user "viewer" with role viewer may not call stopJob\n.*--cert/,
  );
  assert.equal(signal.code, 2);
  assert.match(signal.stderr, /SIGNOTHING/);
  assert.equal(grace.code, 2);
  assert.match(grace.stderr, /"soon" is not valid/);
  assert.equal(long.code, 2);
  assert.match(long.stderr, /"25h" is too long: it can be at most 1d/);
  assert.deepEqual(await outcomeOf(running), ["running", null, null]);
});

Deno.test("a job whose leader ends leaves nothing running", async () => {
  const jobId = await daemon.ran("sleep 1000 & sleep 1000 & echo hi");
  assert.deepEqual(await processesOf([jobId]), []);
  assert.deepEqual(await outcomeOf(jobId), ["done", "exited", { code: 0 }]);
  assert.equal((await daemon.cli(["logs", "all", jobId])).stdout, "hi\n");
});
