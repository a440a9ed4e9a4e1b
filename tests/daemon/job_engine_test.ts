import { JobEngine } from "../../lib/daemon/job_engine.ts";
import { parseOptions } from "../../lib/config/parse_options.ts";
import type { LogLimit } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { TOOLS } from "../process/tools.ts";
import { ADMIN, TRUE } from "../service/fixture.ts";

Deno.test("A daemon that keeps its data in memory holds the lock that keeps its directory from being swept", async () => {
  const invocation = parseOptions(["--data-dir=:memory:"], () => undefined);
  assert.ok(invocation.kind === "run");
  const engine = await JobEngine.open(invocation.options, "/", TOOLS.setsid);
  const { dataDirectory } = engine;
  // What systemd-tmpfiles(8) asks for before it looks at what is in a directory.
  const isFree = async () => {
    const args = ["--shared", "--nonblock", dataDirectory, "true"];
    return (await new Deno.Command("flock", { args }).output()).success;
  };
  assert.equal(await isFree(), false);
  await engine[Symbol.asyncDispose]();
  await assert.rejects(Deno.stat(dataDirectory), Deno.errors.NotFound);
});

Deno.test("A job that chooses some of the limit of its log has the daemon's for the rest", async () => {
  const args = [
    "--data-dir=:memory:",
    "--log-limit=3MiB",
    "--log-policy=end-job",
    "--cgroups=false",
  ];
  const invocation = parseOptions(args, () => undefined);
  assert.ok(invocation.kind === "run");
  await using engine = await JobEngine.open(invocation.options, "/", TOOLS.setsid);
  const start = async (logLimit: Partial<LogLimit>) => {
    const command = { ...TRUE, workingDirectory: "/" };
    const request = { command, labels: {}, requestId: "", logLimit };
    return (await engine.service.startJob(request, ADMIN)).logLimit;
  };
  const bytes = 3 * 1024 * 1024;
  assert.deepEqual(await start({}), { bytes, policy: "end_job" });
  assert.deepEqual(await start({ policy: "keep_newest" }), { bytes, policy: "keep_newest" });
  assert.deepEqual(await start({ bytes: bytes - 1 }), { bytes: bytes - 1, policy: "end_job" });
});
