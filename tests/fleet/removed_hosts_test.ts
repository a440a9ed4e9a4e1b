/** What becomes of what a host was given that is not in the fleet any more. */

import { silent } from "../../lib/fleet/unanswered.ts";
import { assert } from "../assert.ts";
import { contextOf, TRUE } from "../service/fixture.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { FakeHost, openHub, openHubIn, type TestHub } from "./fake_hosts.ts";

const START = { command: TRUE, labels: {}, requestId: "" };
const BOB = contextOf("bob", ["operator"]);

Deno.test("A job that a host was given that leaves the fleet is lost, and is told where", async () => {
  const a = new FakeHost("a");
  await using test = await openHub(a);
  a.start = () => Promise.reject(silent('Host "a" has not answered'));
  const { jobId } = await test.hub.startJob(START, BOB);
  const waiting = test.hub.waitJob({ jobId }, BOB);
  await test.fleet.set([]);
  const { end } = await waiting;
  assert.deepEqual([end?.status, end?.reason, end?.exitStatus], ["failed", "lost", null]);
  assert.match(end?.detail ?? "", /^host "a" was given the job, and has left the fleet/);
});

for (const isRestarted of [false, true]) {
  const when = isRestarted ? "by its next start" : "when it reads the fleet again";
  Deno.test(`A host with the name of one that was removed starts nothing of that, which the hub knows ${when}`, async () => {
    await using directory = await temporaryDirectory();
    await using resources = new AsyncDisposableStack();
    const first = resources.use(await openHubIn(directory.path, [new FakeHost("b")]));
    const removed = new FakeHost("a");
    removed.start = () => Promise.reject(silent('Host "a" has not answered'));
    await first.fleet.set([removed, new FakeHost("b")]);
    await until(() => Promise.resolve(first.presence.isOnline("a")));
    const onA = { ...START, on: { host: "a", labels: {} } };
    const { jobId } = await first.hub.startJob(onA, BOB);
    const next = new FakeHost("a");
    next.member = "the second of its name";
    let test: TestHub = first;
    if (isRestarted) {
      await first[Symbol.asyncDispose]();
      test = resources.use(await openHubIn(directory.path, [next]));
    } else await first.fleet.set([next, new FakeHost("b")]);
    const { end } = await test.hub.waitJob({ jobId }, BOB);
    assert.equal(end?.reason, "lost");
    await until(() => Promise.resolve(test.presence.isOnline("a")));
    const { jobId: own } = await test.hub.startJob(onA, BOB);
    assert.deepEqual(next.ids, [own]);
  });
}
