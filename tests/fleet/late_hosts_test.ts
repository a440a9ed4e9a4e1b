/** Hosts that come just when a job finds no place. */

import { SqliteRegistry } from "../../lib/fleet/sqlite_registry.ts";
import { assert } from "../assert.ts";
import { contextOf, TRUE } from "../service/fixture.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { FakeHost, openHubOn } from "./fake_hosts.ts";

const BOB = contextOf("bob", ["operator"]);

Deno.test("A host that comes after the hub has looked for one, and before the job waits, gets it", async () => {
  await using directory = await temporaryDirectory();
  const a = new FakeHost("a");
  const registry = await SqliteRegistry.open(`${directory.path}/registry.db`);
  const add = registry.queue.add.bind(registry.queue);
  await using test = await openHubOn(registry, [a]);
  test.presence.silent("a", "it has said nothing for 15s");
  registry.queue.add = async (...args) => {
    const claimed = Promise.withResolvers<void>();
    const claim = registry.queue.claim.bind(registry.queue);
    registry.queue.claim = async (...args) => {
      const found = await claim(...args);
      claimed.resolve();
      return found;
    };
    test.fleet.beat("a", "another life");
    await claimed.promise;
    return await add(...args);
  };
  const { jobId } = await test.hub.startJob({ command: TRUE, labels: {}, requestId: "" }, BOB);
  await until(() => Promise.resolve(a.ids.length > 0));
  assert.deepEqual(a.ids, [jobId]);
});
