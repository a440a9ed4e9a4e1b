/**
 * What each owner keeps of finished jobs when there are too many.
 *
 * @module
 */

import type { JobStore } from "../../lib/job/job_store.ts";
import type { Job } from "../../lib/job/types.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import { expired, type Retention } from "../../lib/worker/retention.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { fc } from "../random.ts";
import { temporaryDirectory } from "./fixture.ts";

/** When all of the jobs have ended. */
const NOW = 10_000;

const idOf = (index: number) => `0199${String(index).padStart(8, "0")}`;

/** A finished job for each letter, which is its owner, with a log of so many bytes. */
async function storeOfOwners(owners: string, logBytes = 0): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const [index, owner] of [...owners].entries()) {
    await store.put(job({ jobId: idOf(index), owner, logBytes, end: DONE }));
  }
  return store;
}

/** The owners of what is left, oldest first. */
async function leftOf(store: MemoryStore, retention: Retention): Promise<string> {
  for (const { jobId } of await expired(store, retention, NOW)) await store.delete(jobId);
  const jobs = await store.finished({}, { limit: 1_000, after: "" });
  return jobs.map(({ owner }) => owner).join("");
}

Deno.test("expired() takes nothing from one owner for another who has more", async () => {
  const sixty = "o".repeat(60);
  assert.equal(
    await leftOf(await storeOfOwners(`x${sixty}`), { maxCount: 50 }),
    `x${sixty.slice(11)}`,
  );
  const cases: [owners: string, left: string][] = [
    // The largest share shrinks until it is no larger than the next.
    ["aaaaaabbcc", "aabbcc"],
    ["bbccaaaaaa", "bbccaa"],
    ["abcabcaaa", "bcbcaa"],
    // The oldest job goes if several shares are the largest.
    ["abcdefgh", "cdefgh"],
    ["aabbccdd", "abccdd"],
  ];
  for (const [owners, left] of cases) {
    assert.equal(await leftOf(await storeOfOwners(owners), { maxCount: 6 }), left, owners);
    const bytes = await storeOfOwners(owners, 100);
    assert.equal(await leftOf(bytes, { maxBytes: 699 }), left, owners);
  }
});

Deno.test("expired() finds the same in every store, whoever has what", async () => {
  const finished = fc.record({
    owner: fc.constantFrom("alice", "bob", "carol"),
    logBytes: fc.constantFrom(0, 0, 1, 5, 30),
    finishedAt: fc.integer({ min: 0, max: 20 }),
  });
  const bound = fc.integer({ min: 0, max: 40 });
  const retention = fc.record({ maxCount: bound, maxBytes: bound, maxAgeMs: bound }, {
    requiredKeys: [],
  });
  await fc.assert(
    fc.asyncProperty(fc.array(finished, { maxLength: 40 }), retention, async (parts, retention) => {
      await using directory = await temporaryDirectory();
      await using stored = await SqliteStore.open(`${directory.path}/jobs.db`);
      await using remembered = new MemoryStore();
      const jobs = parts.map(({ finishedAt, ...rest }, index) =>
        job({ jobId: idOf(index), ...rest, end: { ...DONE, finishedAt } })
      );
      for (const store of [stored, remembered]) {
        await Promise.all(jobs.map((job) => store.put(job)));
        const found = await expired(store, retention, 25);
        assert.deepEqual(found.map(({ jobId }) => jobId), simplyExpired(jobs, retention, 25));
      }
    }),
    { numRuns: 50 },
  );
});

/** The same as it is defined: how much its owner has from a job on, newest first, is what the job comes to. */
function simplyExpired(jobs: readonly Job[], retention: Retention, now: number): string[] {
  const { maxAgeMs = Infinity, maxCount = Infinity, maxBytes = Infinity } = retention;
  let kept = jobs.filter(({ end }) => now - (end?.finishedAt ?? 0) <= maxAgeMs);
  const reduce = (max: number, measure: (job: Job) => number) => {
    const sum = (jobs: readonly Job[]) => jobs.reduce((sum, job) => sum + measure(job), 0);
    const rankOf = (job: Job) =>
      sum(kept.filter(({ owner, jobId }) => owner === job.owner && jobId >= job.jobId));
    const ranked = kept.map((job) => ({ job, rank: rankOf(job) }))
      .sort((a, b) => a.rank - b.rank || (a.job.jobId < b.job.jobId ? 1 : -1))
      .map(({ job }) => job);
    while (sum(ranked) > max) ranked.pop();
    kept = ranked;
  };
  reduce(maxCount, () => 1);
  reduce(maxBytes, ({ logBytes }) => logBytes);
  const ids = new Set(kept.map(({ jobId }) => jobId));
  return jobs.map(({ jobId }) => jobId).filter((jobId) => !ids.has(jobId)).reverse();
}

Deno.test("expired() looks at no more jobs than it finds, of however many there are", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  const owners = ["alice", "bob"];
  await Promise.all(
    Array.from(
      { length: 20_000 },
      (_, index) =>
        store.put(job({ jobId: idOf(index), owner: owners[index % 2] ?? "", end: DONE })),
    ),
  );
  let seen = 0;
  const counting: Pick<JobStore, "finished" | "holdings"> = {
    holdings: (filter) => store.holdings(filter),
    finished: async (filter, page) => {
      const jobs = await store.finished(filter, page);
      seen += jobs.length;
      return jobs;
    },
  };
  assert.deepEqual(await expired(counting, { maxCount: 20_000, maxAgeMs: NOW }, NOW), []);
  assert.equal(seen, 0);
  assert.equal((await expired(counting, { maxCount: 19_990 }, NOW)).length, 10);
  assert.ok(seen <= 200, `${seen}`);
});

Deno.test("expired() stops where others have removed what was counted", async () => {
  const store = await storeOfOwners("aaaabb");
  const holdings = await store.holdings({});
  for (let index = 1; index < 4; index++) await store.delete(idOf(index));
  const stale: Pick<JobStore, "finished" | "holdings"> = {
    holdings: () => Promise.resolve(holdings),
    finished: (filter, page) => store.finished(filter, page),
  };
  const found = await expired(stale, { maxCount: 1 }, NOW);
  assert.deepEqual(found.map(({ jobId }) => jobId), [idOf(4), idOf(0)]);
});
