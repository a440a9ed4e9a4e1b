/** What clients see of a fleet through the one address of its hub. */

import { assert } from "../../assert.ts";
import { until } from "../../worker/fixture.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { TestDaemons } from "../../fleet/test_daemons.ts";

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

  // The input of a job passes the bus sealed, and so do its variables.
  const secret = `secret-${crypto.randomUUID()}`;
  await fleet.withClient(async (client) => {
    const { jobId } = await client.startJob({
      command: { name: "sh", args: ["-c", 'cat; echo "$TOKEN"'], env: { TOKEN: secret } },
      execution: { hasInput: true },
      on: { host: "db-1", labels: {} },
    });
    const data = new TextEncoder().encode(`${secret}\n`);
    assert.deepEqual(await client.writeInput({ jobId, offset: 0, data, end: true }), {
      accepted: data.byteLength,
    });
    const page = await client.waitJob({ jobId });
    assert.deepEqual([page.host, page.end?.status], ["db-1", "done"]);
    const { stdout } = await client.getLogs({ jobId });
    assert.equal(new TextDecoder().decode(stdout), `${secret}\n${secret}\n`);
  });
  assert.ok(!(await Deno.readTextFile(`${fleet.hub.directory}/data/registry.db`)).includes(secret));
  // What is no call of a hub is refused, and stands in the audit trail.
  await fleet.send("db-1", "getJob", new TextEncoder().encode("garbage"));
  const trail = await until(async () => {
    const text = await Deno.readTextFile(`${fleet.host("db-1").directory}/data/audit.log`);
    return text.includes('"method":"fleet","decision":"denied"') && text;
  });
  assert.match(trail, /"why":"The call cannot be read"/);
  const brought = trail.trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ method }) => method === "startJob");
  assert.deepEqual(brought.map(({ user, via }) => [user, via]), [["admin", "hub"], [
    "admin",
    "hub",
  ]]);
  const listed = (await fleet.printed("list")).trim().split("\n").map((line) => line.split("\t"));
  assert.deepEqual(listed.map((fields) => [fields[1], fields.at(-1)]), [
    ["done", "db-1"],
    ["cancelled", "web-1"],
    ["failed", "db-1"],
  ]);
  assert.equal(await fleet.printed("list", "running", "--host", "web-1"), "");
  const onHost = (await fleet.printed("list", "--host", "db-1")).trim().split("\n");
  assert.equal(onHost.length, 2);
  assert.match((await fleet.printed("prune", "--keep", "0")).trim(), /\n/);
  assert.equal(await fleet.printed("list"), "");
});
