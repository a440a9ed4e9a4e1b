import { queuedJob } from "../../lib/job/record_bytes.ts";
import type { JobFilter } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { testStores } from "./stores.ts";

const IDS = ["a", "b", "c", "d", "e"].map((letter) =>
  `01890a5d-ac96-774b-bcce-${letter.repeat(12)}`
);
const [A = "", B = "", C = "", D = "", E = ""] = IDS;

/** The time in the ids, in milliseconds. */
const AT = 0x01890a5dac96;

testStores(
  "queued() returns the jobs that wait, oldest first, and the others do not",
  async (store) => {
    const queued = { liveStatus: "queued", queuedAt: AT, startedAt: null, pid: 0 } as const;
    for (const jobId of [C, A, E]) await store.put(job({ ...queued, jobId, owner: `of ${jobId}` }));
    await store.put(job({ jobId: B, startedAt: AT }));
    await store.put(job({ ...queued, jobId: D, end: DONE }));
    const waiting = async () => (await store.queued()).map(({ jobId }) => jobId);
    const list = async (filter: JobFilter) =>
      (await store.list({ statuses: ["queued"], ...filter }, { limit: 9 })).map(({ jobId }) =>
        jobId
      );
    const oldest = job({ ...queued, jobId: A, owner: `of ${A}` });
    assert.deepEqual((await store.queued())[0], queuedJob(oldest));
    assert.deepEqual(await waiting(), [A, C, E]);
    assert.deepEqual((await store.unfinished()).map(({ job }) => job.jobId), [B]);
    assert.deepEqual(await list({}), [E, C, A]);
    // It counts from when it was queued, until it has been started.
    assert.deepEqual(await list({ startedAfter: AT, startedBefore: AT + 1 }), [E, C, A]);
    await store.put(job({ jobId: C, owner: `of ${C}`, queuedAt: AT, startedAt: AT + 90_000 }));
    assert.deepEqual(await waiting(), [A, E]);
    assert.deepEqual(await list({ statuses: ["running"], startedAfter: AT + 90_000 }), [C]);
  },
);
