import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { processesOf } from "../../end_to_end/process.ts";
import { TestHouse } from "../../gateway/fixture.ts";
import { delay } from "../../../lib/async/delay.ts";

Deno.test("A daemon ends although its executor is suspended, and its jobs with it", async () => {
  await using certificates = await TestCertificates.create();
  let jobId = "";
  let ended = 0;
  {
    await using house = await TestHouse.start(certificates, {
      expected: /Executor \d+ (does not answer: it is killed|has ended)/,
    });
    const client = await house.connect();
    const command = { name: "sh", args: ["-c", "trap '' TERM; while :; do sleep 0.1; done"] };
    ({ jobId } = await client.startJob({ command }));
    const [executor = 0] = await executorsIn(`${house.daemon.directory}/data`);
    Deno.kill(executor, "SIGSTOP");
    // A call that waits for it must not hold up the end, either.
    const stopped = client.stopJob({ jobId }).catch(() => {});
    await delay(500);
    assert.notDeepEqual(await processesOf([jobId]), []);
    ended = performance.now();
    const { code, stderr } = await house.daemon.stop();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Executor \d+ does not answer: it is killed, and its jobs with it/);
    await stopped;
  }
  const tookMs = performance.now() - ended;
  assert.deepEqual(await processesOf([jobId]), []);
  assert.ok(tookMs < 40_000, `${tookMs} ms`);
});
