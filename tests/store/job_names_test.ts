/** No two jobs of an owner that have not ended have the same name, whoever is first to be told. */

import { JobWorkerError } from "../../lib/errors.ts";
import type { JobStore } from "../../lib/job/job_store.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { rejection } from "../worker/fixture.ts";
import { testStores } from "./stores.ts";

const NIGHTLY = { name: "nightly" };
const QUEUED = { liveStatus: "queued", startedAt: null, queuedAt: 1 } as const;

/** What a store says instead of taking a job. */
async function refusal(put: Promise<void>): Promise<string> {
  const error = await rejection(put);
  assert.ok(error instanceof JobWorkerError, String(error));
  assert.equal(error.code, "already_exists");
  assert.equal(error.field, "name");
  return error.message;
}

async function ids(store: JobStore, name: string): Promise<string> {
  return (await store.list({ name }, { limit: 9 })).map(({ jobId }) => jobId).join(" ");
}

testStores("put() refuses a name that a running or queued job of the owner has", async (store) => {
  await store.put(job({ jobId: "a", ...NIGHTLY }));
  assert.match(
    await refusal(store.put(job({ jobId: "b", ...NIGHTLY }))),
    /"nightly": job "a" .* running/,
  );
  assert.match(await refusal(store.put(job({ jobId: "b", ...NIGHTLY, ...QUEUED }))), /job "a"/);
  assert.equal(await store.get("b"), undefined);
  // What is told of the same job is no other.
  await store.put(job({ jobId: "a", ...NIGHTLY, pid: 7 }), "boot:1");
  await store.put(job({ jobId: "c", ...NIGHTLY, owner: "bob", ...QUEUED }));
  assert.match(
    await refusal(store.put(job({ jobId: "d", ...NIGHTLY, owner: "bob" }))),
    /job "c" .* queued/,
  );
  await store.put(job({ jobId: "e" }));
  await store.put(job({ jobId: "f" }));
  assert.equal(await ids(store, "nightly"), "c a");
});

testStores("put() accepts the name of a job that has ended, or was removed", async (store) => {
  await store.put(job({ jobId: "a", ...NIGHTLY }));
  await store.put(job({ jobId: "a", ...NIGHTLY, end: DONE }));
  await store.put(job({ jobId: "b", ...NIGHTLY, ...QUEUED }));
  await store.delete("b");
  await store.put(job({ jobId: "c", ...NIGHTLY }));
  // The end of an older one gives nobody the name of the newer one.
  await store.put(job({ jobId: "a", ...NIGHTLY, end: { ...DONE, detail: "told again" } }));
  await refusal(store.put(job({ jobId: "d", ...NIGHTLY })));
  assert.equal(await ids(store, "nightly"), "c a");
  assert.equal(await ids(store, "weekly"), "");
});

testStores(
  "put() of two jobs at once gives one of them the name, and others are recorded",
  async (store) => {
    const puts = ["a", "b", "c", "d"].map((jobId) =>
      store.put(job({ jobId, name: jobId === "c" ? "weekly" : "nightly" }))
    );
    const results = await Promise.allSettled(puts);
    assert.deepEqual(results.map(({ status }) => status), [
      ...["fulfilled", "rejected", "fulfilled", "rejected"],
    ]);
    assert.equal(await ids(store, "nightly"), "a");
    assert.equal(await ids(store, "weekly"), "c");
  },
);
