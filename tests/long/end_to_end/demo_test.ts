import { assert } from "../../assert.ts";
import { jobIdsIn, startDemo } from "../../end_to_end/demo.ts";
import { processesOf } from "../../end_to_end/process.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

Deno.test("deno task demo shows what it says, and leaves nothing behind", async () => {
  await using directory = await temporaryDirectory();
  await using process = await startDemo("demo", directory.path);
  // It starts some twenty programs one after the other: what is waited for is each next one.
  await process.seen(/^8\. /m);
  const { code, stdout, stderr } = await process.finished();
  assert.equal(code, 0, stderr);
  for (
    const shown of [
      /^worker-daemon listening on 127\.0\.0\.1:\d+$/m,
      /^step 1\nstep 2\nstep 3$/m,
      /Z hello$/m,
      /^Status: +done: exit code 0$/m,
      /^exit status: 3$/m,
      /^Status: +cancelled: stopped by a user, killed by SIGTERM$/m,
      /exit status: 0\n$/,
    ]
  ) assert.match(stdout, shown);
  assert.match(stderr, /^\S+ INFO worker-daemon .*\ncareful\n[^]*cannot go on\n/);
  assert.match(stderr, /^worker-cli: Permission denied: user "viewer"/m);
  const ids = jobIdsIn(stdout);
  assert.equal(ids.length, 4);
  assert.deepEqual(await processesOf(ids), []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
});

Deno.test("deno task demo that is interrupted leaves nothing behind either", async () => {
  await using directory = await temporaryDirectory();
  await using process = await startDemo("demo", directory.path);
  await process.seen(/step 1/);
  process.kill("SIGTERM");
  const { code, stdout } = await process.finished();
  assert.equal(code, 130);
  assert.match(stdout, /Interrupted by SIGTERM/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
});
