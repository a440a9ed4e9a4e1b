import { assert } from "../../assert.ts";
import { jobIdsIn, startDemo } from "../../end_to_end/demo.ts";
import { processesOf } from "../../end_to_end/process.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

/** Nothing of a demo is left: no process of its jobs, and no file. */
async function assertGone(stdout: string, directory: string): Promise<void> {
  assert.deepEqual(await processesOf(jobIdsIn(stdout)), []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(directory)), []);
}

natsTest("deno task demo:fleet shows what it says, and leaves nothing behind", async () => {
  await using directory = await temporaryDirectory();
  await using process = await startDemo("demo:fleet", directory.path);
  await process.seen(/^9\. /m);
  const { code, stdout, stderr } = await process.finished();
  assert.equal(code, 0, stderr);
  for (
    const shown of [
      /^this ran on db-1$/m,
      /^db-1 +\| Linux$/m,
      /^Place: +1st of 1, since host "db-1" is full; its priority is 5$/m,
      /^its turn has come$/m,
      /^hub: .* Host "web-2" is offline/m,
      /^web-2\toffline\t/m,
      /^As of: +\S+: its host cannot be reached$/m,
      /^hub: .* Host web-2 is online$/m,
      /^web-1: exit status 0$/m,
      /^hub: exit status 0\n$/m,
    ]
  ) assert.match(stdout, shown);
  assert.match(stderr, /Cannot place the job: .* "web-2" is offline/);
  const lines = stdout.match(/^line \d+$/gm);
  assert.deepEqual(lines, Array.from({ length: 20 }, (_, index) => `line ${index + 1}`));
  await assertGone(stdout, directory.path);
});

natsTest("deno task demo:fleet that is interrupted leaves nothing behind either", async () => {
  await using directory = await temporaryDirectory();
  await using process = await startDemo("demo:fleet", directory.path);
  // Right when there is a host without a daemon that would end its job.
  await process.seen(/^\$ kill -KILL \d+ +# web-2$/m);
  process.kill("SIGTERM");
  const { code, stdout } = await process.finished();
  assert.equal(code, 130);
  assert.match(stdout, /Interrupted by SIGTERM/);
  await assertGone(stdout, directory.path);
});

Deno.test("deno task demo:fleet says where to get nats-server if neither it nor pip is there", async () => {
  await using directory = await temporaryDirectory();
  await using process = await startDemo("demo:fleet", directory.path, {
    PATH: directory.path,
    JOB_WORKER_NATS_SERVER: "",
  });
  const { code, stdout } = await process.finished();
  assert.equal(code, 1);
  assert.match(stdout, /^The demo needs nats-server 2\.12\.6 or later/m);
  await assertGone(stdout, directory.path);
});
