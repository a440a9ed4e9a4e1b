import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { daemonLine, WITHOUT_REST } from "../../end_to_end/daemon.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { gatewaysOf, TestHouse } from "../../gateway/fixture.ts";
import { temporaryDirectory, until } from "../../worker/fixture.ts";

Deno.test("A gateway that takes too long to listen is followed by one that gets twice the time", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  await using daemon = new TestProcess(daemonLine(certificates, directory.path), {
    cwd: directory.path,
    env: WITHOUT_REST,
  });
  const first = await until(async () => (await gatewaysOf(daemon.pid))[0]);
  // As on a machine that has no time for it.
  Deno.kill(first, "SIGSTOP");
  await daemon.seen(/^worker-daemon listening on /m);
  assert.notEqual((await gatewaysOf(daemon.pid))[0], first);
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.finished();
  assert.equal(code, 0);
  assert.match(stderr, /it did not listen within 30 s; trying again with twice the time\n/);
});

Deno.test("A gateway that does not answer, soon after its start, is followed by one that gets twice the time", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /it does not answer/ });
  const heldOutMs = async (pid: number): Promise<number> => {
    const stoppedAt = performance.now();
    Deno.kill(pid, "SIGSTOP");
    await house.diagnosed(new RegExp(`Gateway ${pid} ended: it does not answer`));
    return performance.now() - stoppedAt;
  };
  const first = await house.gateway();
  // One that nobody uses is looked at once a minute only.
  await using _client = await house.connect();
  await heldOutMs(first);
  const second = await house.successor(first);
  await using _another = await house.connect();
  const heldOut = await heldOutMs(second);
  assert.ok(heldOut > 10_000, `${heldOut} ms`);
  await house.successor(second);
});
