import { v7 } from "uuid";
import type { HostChangesPage } from "../../lib/fleet/host_changes.ts";
import { HostChanges } from "../../lib/fleet/host_changes.ts";
import type { Registry } from "../../lib/fleet/registry.ts";
import type { Job } from "../../lib/job/types.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { fc, seeded } from "../random.ts";
import { contextOf } from "../service/fixture.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { testRegistries } from "./registries.ts";

const FACTS = { version: "1.2.3", load: () => 0.5 };
const ALL = { limit: 1_000 };

/** A host with a store of its own, and what it tells. */
async function openHost(path: string): Promise<{ store: SqliteStore; changes: HostChanges }> {
  const store = await SqliteStore.open(path, { notesChanges: true });
  assert.ok(store.changes !== null);
  return { store, changes: new HostChanges(store, store.changes, FACTS) };
}

/** Copies what a host has to tell now, and returns the pages. */
async function copy(
  registry: Registry,
  host: string,
  changes: HostChanges,
): Promise<HostChangesPage[]> {
  const pages: HostChangesPage[] = [];
  // Without a change it would wait for one.
  const ending = new AbortController();
  const context = contextOf("hub", [], ending.signal);
  for (;;) {
    const waiting = changes.changes({ ...await registry.since(host), atOnce: false }, context);
    const page = await Promise.race([
      waiting,
      new Promise<null>((resolve) => setTimeout(() => resolve(null), 20)),
    ]);
    if (page === null) {
      ending.abort(new Error("Nothing more"));
      await waiting.catch(() => {});
      return pages;
    }
    pages.push(page);
    await registry.apply(host, page, 1_000);
  }
}

async function idsOf(registry: Registry, host: string): Promise<string[]> {
  return (await registry.list({ host }, ALL)).map(({ job }) => job.jobId);
}

testRegistries("Registry counts the jobs of each status", async (registry) => {
  const { queued, ...others } = { queued: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
  assert.deepEqual(await registry.countByStatus({}), { queued, ...others });
  await registry.started("a", job({ jobId: "a" }));
  await registry.started("b", job({ jobId: "b", owner: "bob", labels: { team: "x" } }));
  await registry.ended("b", job({ jobId: "b", owner: "bob", labels: { team: "x" }, end: DONE }));
  const counts = { queued, ...others, running: 1, done: 1 };
  assert.deepEqual(await registry.countByStatus({ statuses: ["running"] }), counts);
  assert.deepEqual(await registry.countByStatus({ owner: "bob" }), { ...counts, running: 0 });
  assert.deepEqual(await registry.countByStatus({ labels: { team: "x" } }), {
    ...counts,
    running: 0,
  });
  assert.deepEqual(await registry.countByStatus({ host: "a", owner: "alice" }), {
    ...counts,
    done: 0,
  });
});

testRegistries(
  "Registry knows the jobs of hosts as they are, whatever happens to them, and in whatever order",
  async (registry, directory) => {
    const random = seeded("changes");
    const hosts = ["a", "b"];
    for (const host of hosts) {
      const path = `${directory}/${host}.db`;
      const known = new Map<string, Job>();
      const old: HostChangesPage[] = [];
      for (let round = 0; round < 10; round++) {
        // Each round is another daemon; one of them belonged to no fleet, and noted nothing.
        const isFollowed = round !== 5;
        const store = await SqliteStore.open(path, { notesChanges: isFollowed });
        for (let change = 0; change < 20; change++) {
          const ids = [...known.keys()];
          const id = ids[Math.floor(random() * ids.length * 2)] ?? v7();
          const before = known.get(id);
          if (before !== undefined && random() < 0.3) {
            known.delete(id);
            await store.delete(id);
            continue;
          }
          const end = before === undefined ? null : DONE;
          const put = job({ jobId: id, owner: host, labels: { host }, requestId: "same", end });
          const changed = { ...put, requestId: id, startedAt: Date.now() };
          known.set(id, changed);
          await store.put(changed);
        }
        if (isFollowed && store.changes !== null) {
          const changes = new HostChanges(store, store.changes, FACTS);
          old.push(...await copy(registry, host, changes));
          // What is late changes nothing, unless it comes before all that was told anew.
          const late = old.findLast(({ isAnew }) => !isAnew);
          const since = await registry.since(host);
          if (late?.epoch === since.epoch) {
            await registry.apply(host, { ...late, revision: since.revision }, 1_000);
          }
        }
        await store[Symbol.asyncDispose]();
      }
      const expected = [...known.keys()].toSorted().toReversed();
      assert.deepEqual(await idsOf(registry, host), expected);
      for (const [id, { end }] of known) {
        const found = await registry.get(id);
        assert.deepEqual([found?.host, found?.job.end?.status], [host, end?.status]);
      }
      const live = [...known.values()].filter(({ end }) => end === null).length;
      assert.equal((await registry.live()).of(host), live);
    }
    const { length } = await registry.list({}, ALL);
    assert.equal(length, (await idsOf(registry, "a")).length + (await idsOf(registry, "b")).length);
  },
);

testRegistries(
  "Registry takes nothing that one host says about the job of another",
  async (registry) => {
    const jobId = v7();
    const page = {
      epoch: "e",
      revision: 1,
      isAnew: true,
      removed: [],
      hasMore: false,
      facts: { version: "", running: 0, queued: 0, load: 0 },
    };
    await registry.apply("a", { ...page, jobs: [job({ jobId, owner: "alice" })] }, 1);
    await registry.apply("b", { ...page, jobs: [job({ jobId, owner: "mallory" })] }, 1);
    await registry.apply(
      "b",
      { ...page, isAnew: false, revision: 2, jobs: [], removed: [jobId] },
      1,
    );
    await registry.started("b", job({ jobId, owner: "mallory" }));
    const found = await registry.get(jobId);
    assert.deepEqual([found?.host, found?.job.owner], ["a", "alice"]);
    assert.deepEqual([(await registry.live()).of("a"), (await registry.live()).of("b")], [1, 0]);
  },
);

testRegistries(
  "Registry keeps what a host has started after it was asked what it has",
  async (registry) => {
    const facts = { version: "", running: 0, queued: 0, load: 0 };
    const page = {
      epoch: "e",
      revision: 0,
      isAnew: true,
      jobs: [],
      removed: [],
      hasMore: false,
      facts,
    };
    const [before, after] = [v7(), v7()];
    await registry.started("a", job({ jobId: before }));
    await registry.since("a");
    await registry.started("a", job({ jobId: after }));
    await registry.apply("a", page, 1);
    assert.deepEqual(await idsOf(registry, "a"), [after]);
    assert.equal((await registry.live()).of("a"), 1);
    // Asked again, it would have told of it.
    await registry.since("a");
    await registry.apply("a", page, 1);
    assert.deepEqual(await idsOf(registry, "a"), []);
  },
);

Deno.test("HostChanges tells no value of a variable, and waits until there is something to tell", async () => {
  await using directory = await temporaryDirectory();
  const { store, changes } = await openHost(`${directory.path}/jobs.db`);
  await using _store = store;
  const first = await changes.changes(
    { epoch: "", revision: 0, atOnce: false },
    contextOf("hub", []),
  );
  assert.deepEqual([first.isAnew, first.jobs], [true, []]);
  assert.deepEqual(first.facts, { version: "1.2.3", load: 0.5, running: 0, queued: 0 });
  const { epoch, revision } = first;
  const now = { epoch, revision, atOnce: true };
  assert.deepEqual((await changes.changes(now, contextOf("hub", []))).jobs, []);
  const waiting = changes.changes({ ...now, atOnce: false }, contextOf("hub", []));
  const env = { TOKEN: "secret" };
  await store.put(job({ jobId: v7(), command: { ...job({ jobId: "" }).command, env } }));
  const page = await waiting;
  assert.deepEqual(page.jobs.map(({ command }) => command.env), [{ TOKEN: "***" }]);
  assert.equal(page.facts.running, 1);
  const leaving = new AbortController();
  const left = changes.changes({ ...page, atOnce: false }, contextOf("hub", [], leaving.signal));
  leaving.abort(new Error("left"));
  await assert.rejects(left, /left/);
});

Deno.test("ChangeLog tells everything in pages, and anew to whom it does not know", async () => {
  await using directory = await temporaryDirectory();
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1_200 }), async (count) => {
      const path = `${directory.path}/${v7()}.db`;
      await using store = await SqliteStore.open(path, { notesChanges: true });
      const ids = Array.from({ length: count }, () => v7());
      await Promise.all(ids.map((jobId) => store.put(job({ jobId }))));
      const { changes } = store;
      assert.ok(changes !== null);
      const told: string[] = [];
      let since = { epoch: "", revision: 0 };
      for (let isFirst = true, hasMore = true; hasMore; isFirst = false) {
        const page = changes.read(since);
        assert.equal(page.isAnew, isFirst);
        told.push(...page.jobs.map(({ jobId }) => jobId));
        ({ hasMore } = page);
        since = page;
      }
      assert.deepEqual(told.toSorted(), ids.toSorted());
      assert.equal(changes.read({ ...since, revision: since.revision + 1 }).isAnew, true);
      assert.equal(changes.read({ ...since, epoch: "another" }).isAnew, true);
    }),
    { numRuns: 10 },
  );
});

testRegistries(
  "Registry forgets a host only if it is still that one of its name",
  async (registry) => {
    const jobId = v7();
    const page = {
      ...{ epoch: "e", revision: 1, isAnew: true, hasMore: false, removed: [] },
      jobs: [job({ jobId })],
      facts: { version: "1", running: 1, queued: 0, load: 0, member: "second" },
    };
    await registry.apply("a", page, 1_000);
    await registry.forget("a", "first");
    assert.equal((await registry.get(jobId))?.host, "a");
    assert.equal((await registry.hosts())[0]?.facts.member, "second");
    await registry.forget("a", "second");
    assert.equal(await registry.get(jobId), undefined);
    assert.deepEqual(await registry.hosts(), []);
  },
);

testRegistries("Registry takes the end of a job from the answer to its start", async (registry) => {
  const [late, early] = [v7(), v7()];
  const running = job({ jobId: late, owner: "bob" });
  await registry.apply("a", {
    ...{ epoch: "e", revision: 5, isAnew: true, hasMore: false, removed: [], jobs: [running] },
    facts: { version: "1", running: 1, queued: 0, load: 0 },
  }, 1_000);
  for (const jobId of [late, early]) {
    await registry.started("a", { ...running, jobId, end: DONE });
    assert.equal((await registry.get(jobId))?.job.end?.status, "done");
  }
  assert.equal((await registry.live()).of("a"), 0);
});
