import { type Job, JOB_STATUSES, type JobFilter } from "../../lib/job/types.ts";
import { MAX_COUNTED } from "../../lib/job/status_counts.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { testStores } from "./stores.ts";

testStores("countByStatus() counts what list() finds, status by status", async (store) => {
  const owners = ["alice", "bob"];
  const ends: Job["end"][] = [null, DONE, { ...DONE, status: "failed" }, DONE];
  for (const [at, jobId] of [..."abcdefgh"].entries()) {
    const owner = owners[at % 3 === 0 ? 1 : 0] ?? "";
    const labels = at < 5 ? { l: "1" } : {};
    await store.put(job({ jobId, owner, labels, end: ends[at % 4] ?? null }));
  }
  await store.put(job({ jobId: "q", liveStatus: "queued", startedAt: null }));
  const all = { queued: 1, running: 2, done: 4, failed: 2, cancelled: 0 };
  assert.deepEqual(await store.countByStatus({}), all);
  assert.deepEqual(await store.countByStatus({ statuses: ["failed"] }), all);
  const filters: JobFilter[] = [
    { owner: "bob" },
    { labels: { l: "1" } },
    {
      owner: "alice",
      labels: { l: "1" },
    },
    { jobIdPrefix: "a" },
    { owner: "nobody" },
  ];
  for (const filter of filters) {
    const counts = await store.countByStatus(filter);
    for (const status of JOB_STATUSES) {
      const found = await store.list({ ...filter, statuses: [status] }, { limit: 100 });
      assert.equal(counts[status], found.length, JSON.stringify([filter, status]));
    }
  }
});

testStores("countByStatus() counts no further than it says", async (store) => {
  const puts = Array.from(
    { length: MAX_COUNTED + 5 },
    (_, at) => store.put(job({ jobId: `j${at}`, end: DONE })),
  );
  await Promise.all(puts);
  assert.equal((await store.countByStatus({})).done, MAX_COUNTED);
});
