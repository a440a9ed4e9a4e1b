import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { processStat, until } from "../../worker/fixture.ts";
import { gatewaysOf, shownCertificate, TestHouse } from "../../gateway/fixture.ts";
import { Follower, PrintingJobs } from "../../gateway/followers.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

Deno.test("A gateway that dies of a signal without a name is replaced too", async () => {
  await using house = await TestHouse.start(certificates, { expected: /Gateway \d+ ended/ });
  const gateway = await house.gateway();
  const { success } = await new Deno.Command("sh", { args: ["-c", `kill -40 ${gateway}`] })
    .output();
  assert.ok(success);
  await house.successor(gateway);
  assert.equal((await house.daemon.cli(["list"])).code, 0);
});

Deno.test("A gateway that is stopped, or exits by itself, is replaced", async () => {
  await using house = await TestHouse.start(certificates, { expected: /Gateway \d+ ended/ });
  const { daemon } = house;
  const client = await house.connect();
  const jobs = await PrintingJobs.start(daemon, client, 1);
  const other = await house.connect();
  const follower = new Follower(other, jobs.ids[0] ?? "");
  await follower.advances();
  const gateway = await house.gateway();
  Deno.kill(gateway, "SIGSTOP");
  await house.diagnosed(new RegExp(`Gateway ${gateway} ended: it does not answer`));
  await house.successor(gateway);
  await follower.advances();
  const stored = await jobs.end();
  assert.equal(await follower.text, stored.get(follower.jobId));
});

Deno.test("With two gateways, the death of one leaves the port answered", async () => {
  await using house = await TestHouse.start(certificates, {
    args: ["--gateways=2"],
    expected: /Gateway \d+ ended: by SIGKILL/,
  });
  const { port } = house.daemon;
  const material = await certificates.material("client");
  const first = await house.gateways();
  assert.equal(first.length, 2);
  for (const gateway of first) {
    Deno.kill(gateway, "SIGKILL");
    let replaced = false;
    const successor = house.successor(gateway).then(() => replaced = true);
    let failures = 0;
    do {
      // Whoever was in the queue of the dead one has to come again, and no more than that.
      const shown = await shownCertificate(port, material);
      const answered = /^([0-9A-F]{2}:)+[0-9A-F]{2}$/.test(shown);
      failures = answered ? 0 : failures + 1;
      assert.ok(failures < 3);
    } while (!replaced);
    await successor;
  }
  const now = await house.gateways();
  assert.equal(now.length, 2);
  assert.ok(now.every((pid) => !first.includes(pid)));
});

Deno.test("A gateway ends with the engine, and the port is free", async () => {
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const { daemon } = house;
  const client = await house.connect();
  const jobs = await PrintingJobs.start(daemon, client, 1);
  const other = await house.connect({ reconnectTimeoutMs: 0 });
  const follower = new Follower(other, jobs.ids[0] ?? "");
  await follower.advances();
  const gateways = await gatewaysOf(daemon.pid);
  assert.equal(gateways.length, 1);
  await house.killEngine();
  await assert.rejects(follower.text, { code: "unavailable" });
  for (const pid of gateways) {
    await until(async () => ["Z", undefined].includes((await processStat(pid))?.state));
  }
  Deno.listen({ hostname: "127.0.0.1", port: daemon.port }).close();
});
