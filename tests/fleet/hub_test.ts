/** What clients see of a fleet through the one address of its hub. */

import { assert } from "../assert.ts";
import { natsTest } from "./nats_server.ts";
import { TestDaemons } from "./test_daemons.ts";

natsTest("Every verb reaches a job through the hub, on whatever host it runs", async () => {
  await using fleet = await TestDaemons.start({
    "web-1": ["--labels=role=web"],
    "db-1": ["--labels=role=db"],
  });
  const hosts = (await fleet.printed("hosts")).trim().split("\n").map((line) => line.split("\t"));
  assert.deepEqual(hosts.map(([name, state]) => [name, state]), [["db-1", "online"], [
    "web-1",
    "online",
  ]]);
  assert.deepEqual(hosts.map((fields) => fields[8]), ["role=db", "role=web"]);

  const ran = await fleet.cli("run", "--on", "db-1", "--", "sh", "-c", "echo $0; exit 3", "hi");
  assert.deepEqual([ran.code, ran.stdout], [3, "hi\n"]);
  const id = (await fleet.printed("start", "--on", "role=web", "--", "sleep", "1000")).trim();
  const status = JSON.parse(await fleet.printed("status", id, "--json"));
  assert.deepEqual([status.host, status.status, status.owner], ["web-1", "running", "admin"]);
  await fleet.printed("signal", id, "CONT");
  await fleet.printed("update", id, "--timeout", "1h");
  await fleet.printed("stop", id);
  const waited = await fleet.cli("wait", id);
  assert.deepEqual([waited.code, /stopped by a user/.test(waited.stderr)], [143, true]);
  const listed = (await fleet.printed("list")).trim().split("\n").map((line) => line.split("\t"));
  assert.deepEqual(listed.map((fields) => [fields[1], fields.at(-1)]), [["cancelled", "web-1"], [
    "failed",
    "db-1",
  ]]);
  const onHost = (await fleet.printed("list", "--host", "db-1")).trim().split("\n");
  assert.equal(onHost.length, 1);
  assert.match((await fleet.printed("prune", "--keep", "0")).trim(), /\n/);
  assert.equal(await fleet.printed("list"), "");
});
