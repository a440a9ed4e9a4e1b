/** What a store of a hub's queue promises. */

import { v7 } from "uuid";
import { NOWHERE } from "../../lib/fleet/known_job.ts";
import type { QueueStore } from "../../lib/fleet/queue_store.ts";
import type { Registry } from "../../lib/fleet/registry.ts";
import type { Job, JobFilter } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { newEntry } from "./queue_entries.ts";
import { testRegistries } from "./registries.ts";

const A = { name: "a", slots: 2 };
const B = { name: "b", slots: 1 };
const WAITING = { maxQueued: 1_000, maxQueuedPerUser: 1_000 };

/** Runs a test with a store of its own. */
function testQueue(
  promise: string,
  test: (queue: QueueStore, registry: Registry) => Promise<void>,
): void {
  testRegistries(`QueueStore.${promise}`, (registry) => test(registry.queue, registry));
}

testQueue("add() gives each slot once, however many are added at once", async (queue, registry) => {
  const added = await Promise.all(
    Array.from({ length: 5 }, () => queue.add(newEntry(), [A, B], WAITING)),
  );
  assert.deepEqual(
    added.map((each) => each.kind === "refused" || each.kind === "known" || each.host),
    [
      "a",
      "a",
      "b",
      NOWHERE,
      NOWHERE,
    ],
  );
  assert.deepEqual([(await registry.live()).of("a"), (await registry.live()).of("b")], [2, 1]);
  const refused = await queue.add(newEntry({ mayWait: false }), [A, B], WAITING);
  assert.deepEqual(refused, { kind: "refused" });
});

testQueue(
  "add() knows a request of an owner again, whatever has become of it",
  async (queue, registry) => {
    const first = newEntry({ requestId: "once" });
    await queue.add(first, [], WAITING);
    const again = newEntry({ requestId: "once" });
    const known = { kind: "known", jobId: first.jobId };
    assert.deepEqual(await queue.add(again, [A], WAITING), known);
    assert.equal((await queue.add({ ...again, owner: "bob" }, [A], WAITING)).kind, "given");
    await queue.end(first.jobId, NOWHERE, DONE);
    assert.deepEqual(await queue.add(newEntry({ requestId: "once" }), [A], WAITING), known);
    assert.equal(await queue.find("alice", "once"), first.jobId);
    assert.equal((await registry.get(first.jobId))?.job.end?.status, "done");
    // Unless nothing has come of it.
    const other = newEntry({ requestId: "other" });
    await queue.add(other, [], WAITING);
    assert.equal(await queue.withdraw(other.jobId, NOWHERE), true);
    assert.equal(await queue.find("alice", "other"), undefined);
    assert.equal(await registry.get(other.jobId), undefined);
  },
);

testQueue(
  "claim() gives nothing to a host without a free slot, nor what it may not have",
  async (queue) => {
    const web = newEntry({ on: { host: "", labels: { role: "web" } } });
    const any = newEntry();
    for (const each of [web, any]) await queue.add(each, [], WAITING);
    assert.equal(await queue.claim({ ...A, slots: 0 }, () => true), undefined);
    assert.equal(await queue.claim(A, () => false), undefined);
    const claimed = await queue.claim(B, ({ labels }) => labels.role === undefined);
    assert.deepEqual([claimed?.jobId, claimed?.host], [any.jobId, "b"]);
    assert.equal(await queue.claim(B, () => true), undefined);
    assert.deepEqual([...await queue.positions()], [[web.jobId, 1]]);
    assert.deepEqual((await queue.given()).map(({ jobId }) => jobId), [any.jobId]);
  },
);

testQueue(
  "release(), end() and withdraw() are only for the host that has it",
  async (queue, registry) => {
    const one = newEntry();
    await queue.add(one, [A], WAITING);
    assert.equal(await queue.release(one.jobId, "b", []), undefined);
    assert.equal(await queue.end(one.jobId, NOWHERE, DONE), undefined);
    assert.equal(await queue.withdraw(one.jobId, NOWHERE), false);
    assert.equal(await queue.release(one.jobId, "a", [B]), "b");
    assert.deepEqual([(await registry.live()).of("a"), (await registry.live()).of("b")], [0, 1]);
    assert.equal(await queue.release(one.jobId, "b", []), NOWHERE);
    assert.equal(await queue.change({ ...one.job, labels: { a: "1" } }, Uint8Array.of(9)), true);
    assert.deepEqual(await queue.sealed(one.jobId), Uint8Array.of(9));
    assert.deepEqual((await queue.end(one.jobId, NOWHERE, DONE))?.end, DONE);
    assert.equal(await queue.get(one.jobId), undefined);
  },
);

testQueue(
  "forgets what a host has told of, and keeps what is to run again until it has ended",
  async (queue, registry) => {
    const [once, again] = [newEntry(), newEntry({ reruns: true })];
    for (const each of [once, again]) await queue.add(each, [A], WAITING);
    // No other host can say anything of them.
    await registry.started("b", job({ jobId: once.jobId, end: DONE }));
    assert.equal((await queue.get(once.jobId))?.isAnswered, false);
    for (const { jobId } of [once, again]) await registry.started("a", job({ jobId }));
    assert.equal(await queue.get(once.jobId), undefined);
    assert.equal((await queue.get(again.jobId))?.isAnswered, true);
    assert.deepEqual(await queue.requeue("a"), [again.jobId]);
    const { job: waits, host } = await registry.get(again.jobId) ?? assert.fail("It is gone");
    assert.deepEqual([waits.liveStatus, waits.startedAt, host], ["queued", null, NOWHERE]);
    assert.equal((await queue.claim(B, () => true))?.jobId, again.jobId);
    // What the first host still says of it does not count any more.
    await registry.started("a", job({ jobId: again.jobId, end: DONE }));
    assert.equal((await registry.get(again.jobId))?.job.end, null);
    await registry.started("b", job({ jobId: again.jobId, end: DONE }));
    assert.equal((await registry.get(again.jobId))?.job.end?.status, "done");
    assert.equal(await queue.get(again.jobId), undefined);
    assert.deepEqual([(await registry.live()).of("a"), (await registry.live()).of("b")], [1, 0]);
  },
);

testQueue(
  "outlives a host that tells anew what it has, as long as that has not answered",
  async (queue, registry) => {
    const one = newEntry();
    await queue.add(one, [A], WAITING);
    const told = job({ jobId: v7() });
    const facts = { version: "", running: 0, queued: 0, load: 0 };
    const page = { epoch: "e", revision: 1, isAnew: true, removed: [], hasMore: false, facts };
    await registry.apply("a", { ...page, jobs: [told] }, 1);
    assert.equal((await queue.get(one.jobId))?.host, "a");
    assert.equal((await registry.get(one.jobId))?.host, "a");
    assert.equal((await registry.live()).of("a"), 2);
    // Nor does it go with a record that was made and removed there: the host answers for it.
    const starting = job({ jobId: one.jobId, pid: 0 });
    await registry.apply("a", { ...page, isAnew: false, revision: 2, jobs: [starting] }, 1);
    assert.equal((await queue.get(one.jobId))?.host, "a");
    const ended = { jobs: [{ ...told, end: DONE }], removed: [one.jobId] };
    await registry.apply("a", { ...page, isAnew: false, revision: 3, ...ended }, 1);
    assert.equal((await queue.get(one.jobId))?.host, "a");
    assert.equal((await registry.get(one.jobId))?.host, "a");
    assert.equal((await registry.live()).of("a"), 1);
  },
);

testQueue(
  "add() refuses the name of a job of the owner that has not ended",
  async (queue, registry) => {
    const named = (more: Partial<Job> = {}) => {
      const entry = newEntry();
      return { ...entry, ...more, job: { ...entry.job, name: "nightly", ...more } };
    };
    const first = named();
    await queue.add(first, [A], WAITING);
    await assert.rejects(queue.add(named(), [], WAITING), {
      code: "already_exists",
      field: "name",
    });
    // Others have names of their own, and a job has its id.
    assert.equal((await queue.add(named({ owner: "bob" }), [A], WAITING)).kind, "given");
    const found = async (filter: JobFilter) =>
      (await registry.list(filter, { limit: 10 })).map(({ job }) => job.jobId);
    assert.deepEqual(await found({ owner: "alice", name: "nightly" }), [first.jobId]);
    assert.deepEqual(await found({ jobIdSuffix: first.jobId.slice(-14) }), [first.jobId]);
    assert.deepEqual(await found({ jobIdSuffix: `0${first.jobId.slice(-14, -1)}` }), []);
    // What a host has told to somebody counts, too.
    const ended = job({ jobId: first.jobId, owner: "alice", name: "nightly", end: DONE });
    await registry.ended("b", ended);
    await assert.rejects(queue.add(named(), [], WAITING), { code: "already_exists" });
    await registry.ended("a", ended);
    const { job: told } = await registry.get(first.jobId) ?? {};
    assert.deepEqual([told?.end?.status, told?.on], ["done", first.on]);
    assert.equal((await queue.add(named(), [], WAITING)).kind, "waiting");
  },
);
