import { JobEngine } from "../../lib/daemon/job_engine.ts";
import { parseOptions } from "../../lib/daemon/options.ts";
import { assert } from "../assert.ts";

Deno.test("A daemon that keeps its data in memory holds the lock that keeps its directory from being swept", async () => {
  const invocation = parseOptions(["--data-dir=:memory:"], () => undefined);
  assert.ok(invocation.kind === "run");
  const engine = await JobEngine.open({ ...invocation.options, home: "/" });
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
