/** What a client sees of a job through a hub while everything between them dies and comes back. */

import { assert } from "../../assert.ts";
import { seeded } from "../../random.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { TestDaemons } from "../../fleet/test_daemons.ts";

/** Prints numbers until the file is there that it is given. */
const COUNT = 'i=0; while [ ! -e "$0" ]; do i=$((i+1)); echo $i; sleep 0.02; done';

natsTest(
  "A follower misses no byte and sees none twice, whatever dies between it and the job",
  async () => {
    await using fleet = await TestDaemons.start({ "web-1": [] });
    const host = fleet.host("web-1");
    const stopFile = `${host.directory}/stop`;
    const id = (await fleet.printed("start", "--", "sh", "-c", COUNT, stopFile)).trim();
    await using follower = fleet.startCli(["logs", "all", id, "--follow"]);
    await follower.seen(/^5\n/m);
    const random = seeded("deaths");
    const deaths: Readonly<Record<string, () => Promise<void>>> = {
      agent: async () => {
        const pid = await host.agent();
        Deno.kill(pid, "SIGKILL");
        while (await host.agent() === pid);
      },
      hub: async () => {
        await fleet.hub.kill();
        await fleet.hub.start();
      },
      nats: async () => {
        await fleet.nats.kill();
        await fleet.nats.restart();
      },
      engine: async () => {
        await host.kill();
        await host.start();
      },
    };
    const order = [...Object.keys(deaths), ...Object.keys(deaths)]
      .map((name) => [random(), name] as const)
      .toSorted(([a], [b]) => a - b)
      .map(([, name]) => name);
    for (const name of order) {
      await deaths[name]?.();
      // What is printed only now has come through all that is new.
      const printed = Number((await fleet.printedOf(host, id)).trim().split("\n").at(-1));
      await follower.seen(new RegExp(`^${printed}\n`, "m"));
    }
    await Deno.writeTextFile(stopFile, "");
    const { code, stdout, stderr } = await follower.finished();
    assert.equal(code, 0, stderr);
    const numbers = stdout.trim().split("\n").map(Number);
    assert.deepEqual(numbers, numbers.map((_, index) => index + 1), order.join(", "));
    const own = await fleet.printedOf(host, id);
    assert.equal(stdout, own);
  },
);

natsTest(
  "A host that is gone is named, its own API serves on without hub and NATS, and all comes back",
  async () => {
    await using fleet = await TestDaemons.start({ "web-1": [], "web-2": [] });
    const [one, two] = [fleet.host("web-1"), fleet.host("web-2")];
    const id = (await fleet.printed("start", "--on", "web-1", "--", "sleep", "1000")).trim();
    await one.kill();
    await fleet.waitFor("web-1", "offline");
    const status = JSON.parse(await fleet.printed("status", id, "--json"));
    assert.deepEqual([status.status, status.host, typeof status.asOf], [
      "running",
      "web-1",
      "string",
    ]);
    const stopped = await fleet.cli("stop", id);
    assert.equal(stopped.code, 125);
    assert.match(stopped.stderr, /Host "web-1" is offline, last heard/);
    const there = ["--on", "web-1", "--", "true"];
    const refused = await fleet.cli("start", "--queue=false", ...there);
    assert.match(refused.stderr, /Cannot place the job: host "web-1" is offline/);
    const waiting = (await fleet.printed("start", ...there)).trim();
    assert.match(
      await fleet.printed("status", waiting),
      /^Place: +1st of 1, since host "web-1" is offline$/m,
    );
    assert.equal(JSON.parse(await fleet.printed("start", "--json", "--", "true")).host, "web-2");

    await fleet.nats.kill();
    await using direct = fleet.startCli(["run", "--", "echo", "here"], two);
    assert.equal((await direct.finished()).stdout, "here\n");
    await fleet.waitFor("web-2", "offline");

    await fleet.nats.restart();
    await one.start();
    await fleet.waitFor("web-1", "online");
    await fleet.waitFor("web-2", "online");
    assert.equal((await fleet.cli("stop", id)).code, 0);
    // Its turn has come.
    const ended = await fleet.cli("wait", waiting);
    assert.equal(ended.code, 0, ended.stderr);
    // What was done there meanwhile is known here.
    assert.match(await fleet.printed("list", "--host", "web-2"), /echo here/);
  },
);
