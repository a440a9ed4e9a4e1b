import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { until } from "../../worker/fixture.ts";
import { TestHouse } from "../../gateway/fixture.ts";
import { PrintingJobs } from "../../gateway/followers.ts";

const FOLLOWERS = 5;

/** How many descriptors each of these processes has open. */
function openIn(pids: readonly number[]): Promise<number[]> {
  return Promise.all(
    pids.map(async (pid) => (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length),
  );
}

Deno.test("Followers that are killed leave nothing behind, and their job goes on", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const processes = [house.daemon.pid, await house.gateway()];
  const jobs = await PrintingJobs.start(house.daemon, await house.connect(), 1);
  const line = ["logs", "all", jobs.ids[0] ?? "", "--follow"];
  const before = await openIn(processes);
  {
    await using followers = new AsyncDisposableStack();
    const children = Array.from(
      { length: FOLLOWERS },
      () => followers.use(house.daemon.startCli(line)),
    );
    for (const child of children) await child.seen(/^0\n1\n2\n/);
    const meanwhile = await openIn(processes);
    for (const [index, count] of meanwhile.entries()) {
      assert.ok(count >= (before[index] ?? 0) + FOLLOWERS, `${meanwhile} after ${before}`);
    }
    for (const child of children) child.kill("SIGKILL");
  }
  await until(async () => {
    const after = await openIn(processes);
    return after.every((count, index) => count <= (before[index] ?? 0));
  });
  assert.deepEqual([house.daemon.pid, await house.gateway()], processes);
  await jobs.end();
});
