/** Two hubs of one fleet as real processes, with a real PostgreSQL between them. */

import { assert } from "../../assert.ts";
import { checkOutcome, runAmongDeaths } from "../../fleet/deaths.ts";
import { hubsTest, PASSWORD, TestPostgres } from "../../fleet/postgres_server.ts";
import { TestDaemons, type TestRegistry } from "../../fleet/test_daemons.ts";
import { until } from "../../worker/fixture.ts";

async function registryOf(server: TestPostgres): Promise<TestRegistry> {
  return {
    url: await server.createDatabase(),
    password: PASSWORD,
    async restart() {
      await server.kill();
      await server.restart();
    },
  };
}

hubsTest(
  "Either of two hubs serves what was started at the other, also once that is dead",
  async () => {
    await using server = await TestPostgres.start();
    await using fleet = await TestDaemons.start({ "web-1": [] }, await registryOf(server));
    const [one = assert.fail("None"), other = assert.fail("None")] = fleet.hubs;
    const at = async (hub: typeof one, ...args: readonly string[]) => {
      await using process = fleet.startCli(args, hub);
      const { code, stdout, stderr } = await process.finished();
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };
    const script = "trap 'echo over; exit' TERM; echo ready; while :; do sleep 0.05; done";
    const id = await at(one, "start", "--on", "web-1", "--", "sh", "-c", script);
    const status = JSON.parse(await at(other, "status", id, "--json"));
    assert.deepEqual([status.host, status.status], ["web-1", "running"]);
    assert.match(await at(other, "list", "running"), new RegExp(id));
    await using following = fleet.startCli(["logs", "all", id, "--follow"], other);
    await following.seen(/ready\n/);
    // Nobody sees the password.
    const lines = await Promise.all(
      fleet.hubs.map(({ pid }) => Deno.readTextFile(`/proc/${pid}/cmdline`)),
    );
    assert.ok(!lines.join().includes(PASSWORD));
    await one.kill();
    await at(other, "stop", id);
    const { stdout } = await following.finished();
    assert.equal(stdout, "ready\nover\n");
    await one.start();
    assert.equal(JSON.parse(await at(one, "status", id, "--json")).status, "cancelled");
    // A database that is away is said to be, and clients come through as soon as it is back.
    await server.kill();
    await using refused = fleet.startCli(["status", id, "--json"], one);
    const answer = await refused.finished();
    assert.notEqual(answer.code, 0);
    assert.match(answer.stderr, /The registry at 127\.0\.0\.1:\d+ cannot be used: /);
    await server.restart();
    await until(async () => {
      await using process = fleet.startCli(["status", id], one);
      return (await process.finished()).code === 0;
    });
    assert.doesNotMatch(fleet.hubs.map(({ errors }) => errors).join(), new RegExp(PASSWORD));
  },
);

hubsTest(
  "None of 300 jobs runs twice or is missing while hubs and their registry die",
  async () => {
    await using server = await TestPostgres.start();
    checkOutcome(await runAmongDeaths(300, 25, await registryOf(server)));
  },
);
