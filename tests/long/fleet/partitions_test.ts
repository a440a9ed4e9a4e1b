import { assert } from "../../assert.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { type FleetDaemon, TestDaemons } from "../../fleet/test_daemons.ts";
import { seeded } from "../../random.ts";
import { until } from "../../worker/fixture.ts";

const HOSTS = ["web-1", "web-2", "web-3"];
const ROUNDS = 6;

natsTest("The index of a hub is all that its hosts have, after any partitions", async () => {
  await using fleet = await TestDaemons.start(Object.fromEntries(HOSTS.map((host) => [host, []])));
  const random = seeded("partitions");
  const some = () => HOSTS[Math.floor(random() * HOSTS.length)] ?? "";
  const run = async (args: readonly string[], at: FleetDaemon) => {
    await using cli = fleet.startCli(args, at);
    const { code, stdout, stderr } = await cli.finished();
    assert.equal(code, 0, stderr);
    return stdout;
  };
  /** Each as where it is, and how it has ended. */
  const jobsAt = async (at: FleetDaemon, host?: string) => {
    const lines = (await run(["list", "all", "--json"], at)).split("\n").filter((line) => line);
    const jobs = lines.map((line) => JSON.parse(line));
    return jobs.map(({ jobId, status, exitStatus, finishDate, ...job }) =>
      JSON.stringify([jobId, host ?? job.host, status, exitStatus, finishDate])
    );
  };

  for (let round = 0; round < ROUNDS; round++) {
    for (const host of HOSTS) {
      const link = fleet.links.get(host);
      if (random() < 0.5) link?.cut();
      else link?.heal();
    }
    await Promise.all([
      // What a hub cannot place waits; what it has just placed may be cut off.
      ...[0, 1].map(() => run(["start", "--on", some(), "--", "true"], fleet.hub)),
      ...HOSTS.map((host) => run(["start", "--", "sh", "-c", `exit ${round}`], fleet.host(host))),
    ]);
    if (random() < 0.3) await run(["prune", "--keep", "1"], fleet.host(some()));
    if (random() < 0.3) {
      const host = fleet.host(some());
      await host.kill();
      await host.start();
    }
  }
  for (const link of fleet.links.values()) link.heal();

  const seen = { index: [] as string[], union: [] as string[] };
  await until(async () => {
    seen.index = (await jobsAt(fleet.hub)).sort();
    const each = await Promise.all(HOSTS.map((host) => jobsAt(fleet.host(host), host)));
    seen.union = each.flat().sort();
    const areOver = seen.union.every((job) => !/"(queued|running)"/.test(job));
    return areOver && seen.index.join("\n") === seen.union.join("\n");
  }).catch((error) => {
    assert.deepEqual(seen.index, seen.union);
    throw error;
  });
  assert.ok(seen.union.length >= HOSTS.length, seen.union.join("\n"));
});
