import { Presence } from "../../lib/fleet/presence.ts";
import { HOST_OFFLINE } from "../../lib/fleet/transport.ts";
import { HOST_SILENT } from "../../lib/fleet/unanswered.ts";
import { assert } from "../assert.ts";
import { until } from "../worker/fixture.ts";

/** A presence that notes what it tells. */
function openPresence(now: () => number = () => performance.now()) {
  const told: string[] = [];
  const presence = new Presence({
    now,
    onOffline: (host, { reason }) => told.push(`${host} ${reason}`),
    onOnline: (host) => told.push(`${host} online`),
    onReplaced: (host, { reason }) => told.push(`${host} ${reason}`),
  });
  return { presence, told, [Symbol.dispose]: () => presence[Symbol.dispose]() };
}

Deno.test("A host is offline that was silent for long, and none because the time is set", async () => {
  let now = 0;
  using test = openPresence(() => now);
  const { presence, told } = test;
  const clock = Date.now;
  using _clock = { [Symbol.dispose]: () => void (Date.now = clock) };
  const today = Date.now();
  Date.now = () => today;
  for (const host of ["a", "b"]) presence.add(host, null);
  presence.heard("a");
  now = 10_000;
  presence.heard("b");
  Date.now = () => today + 3_600_000;
  now = 16_000;
  await until(() => Promise.resolve(!presence.isOnline("a")));
  assert.deepEqual(told, ["a online", "b online", `a ${HOST_OFFLINE}`]);
  // However far the clock is set back.
  Date.now = () => today - 3_600_000;
  now = 26_000;
  await until(() => Promise.resolve(!presence.isOnline("b")));
  assert.throws(() => presence.check("b"), {
    message: 'Host "b" is offline, last heard 16s ago: it has said nothing for 16s',
  });
  assert.equal(presence.heardAt("b"), today);
});

Deno.test("Calls are dropped of a host whose agent is another one than before", () => {
  using test = openPresence();
  const { presence, told } = test;
  presence.add("a", null);
  // The first is only the first that is heard.
  presence.beat("a", "one");
  presence.heard("a");
  presence.beat("a", "one");
  assert.deepEqual(told.splice(0), ["a online"]);
  presence.beat("a", "two");
  presence.beat("a", "two");
  assert.deepEqual(told.splice(0), [`a ${HOST_SILENT}`]);
  assert.ok(presence.isOnline("a"));
  // Whoever takes it for offline may have asked the one that is gone.
  presence.silent("a", "nobody answers");
  presence.beat("a", "three");
  assert.deepEqual(told, [`a ${HOST_OFFLINE}`, `a ${HOST_SILENT}`]);
  assert.ok(!presence.isOnline("a"));
  presence.beat("b", "of no host of the fleet");
});
