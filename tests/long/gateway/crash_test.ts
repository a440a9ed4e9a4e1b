import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import type { TestProcess } from "../../end_to_end/process.ts";
import { until } from "../../worker/fixture.ts";
import { slay, TestHouse } from "../../gateway/fixture.ts";
import { PrintingJobs } from "../../gateway/followers.ts";

/** Waits until a follower has printed something new. */
async function advances(follower: TestProcess): Promise<void> {
  const { length } = follower.stdout;
  await until(() => Promise.resolve(follower.stdout.length > length));
}

const DEATHS = 20;

Deno.test(`A gateway may die ${DEATHS} times: no job notices, and no follower loses a byte`, async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, {
    expected: /Gateway \d+ ended: /,
  });
  const { daemon } = house;
  const client = await house.connect();
  const jobs = await PrintingJobs.start(daemon, client, 20);
  await using readers = new AsyncDisposableStack();
  const followers = jobs.ids.slice(0, 10).map((jobId) => ({
    jobId,
    process: readers.use(daemon.startCli(["logs", "all", "--follow", jobId])),
  }));
  await Promise.all(followers.map(({ process }) => process.seen(/^0\n/)));

  let gateway = await house.gateway();
  for (let death = 0; death < DEATHS; death++) {
    await Promise.all(followers.map(({ process }) => advances(process)));
    await slay(gateway, (["SIGKILL", "SIGSEGV", "SIGABRT"] as const)[death % 3] ?? "SIGKILL");
    gateway = await house.successor(gateway);
  }

  const stored = await jobs.end();
  for (const { jobId, process } of followers) {
    const { code, stdout, stderr } = await process.finished();
    assert.equal(code, 0, stderr);
    assert.equal(stdout, stored.get(jobId));
  }
  // On a machine that has no time for it, one more may be taken for hung.
  assert.ok(await house.count(/Gateway \d+ listens/) >= DEATHS);
});
