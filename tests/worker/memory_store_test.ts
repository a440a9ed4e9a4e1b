import { MemoryStore } from "../../lib/worker/memory_store.ts";
import type { JobFilter } from "../../lib/worker/types.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "./job_fixture.ts";

Deno.test("MemoryStore.put() adds a job, and replaces it", async () => {
  await using store = new MemoryStore();
  assert.equal(await store.get("a"), undefined);
  await store.put(job({ jobId: "a" }));
  await store.put(job({ jobId: "a", end: DONE }));
  assert.deepEqual(await store.get("a"), job({ jobId: "a", end: DONE }));
  assert.equal((await store.list({}, { limit: 10 })).length, 1);
});

Deno.test("MemoryStore.findByRequest() keeps the requests of owners apart", async () => {
  await using store = new MemoryStore();
  await store.put(job({ jobId: "a", owner: "alice", requestId: "r" }));
  await store.put(job({ jobId: "b", owner: "bob", requestId: "r" }));
  await store.put(job({ jobId: "c", owner: "bob" }));
  assert.equal((await store.findByRequest("alice", "r"))?.jobId, "a");
  assert.equal((await store.findByRequest("bob", "r"))?.jobId, "b");
  assert.equal(await store.findByRequest("bob", ""), undefined);
  assert.equal(await store.findByRequest("carol", "r"), undefined);
});

Deno.test("MemoryStore.delete() forgets a job and its request", async () => {
  await using store = new MemoryStore();
  await store.put(job({ jobId: "a", requestId: "r" }));
  await store.delete("a");
  await store.delete("never there");
  assert.equal(await store.get("a"), undefined);
  assert.equal(await store.findByRequest("alice", "r"), undefined);
  assert.deepEqual(await store.list({}, { limit: 10 }), []);
});

Deno.test("MemoryStore.list() shows the newest first, in whatever order they were put", async () => {
  await using store = new MemoryStore();
  const ids = ["c", "a", "e", "b", "d"];
  for (const jobId of ids) await store.put(job({ jobId }));
  const seen: string[] = [];
  for (let page = await store.list({}, { limit: 2 }); page.length > 0;) {
    seen.push(...page.map(({ jobId }) => jobId));
    page = await store.list({}, { limit: 2, before: seen.at(-1) ?? "" });
  }
  assert.deepEqual(seen, ["e", "d", "c", "b", "a"]);
});

Deno.test("MemoryStore.list() filters by status, owner, labels, prefix and start", async () => {
  await using store = new MemoryStore();
  await store.put(job({ jobId: "a1", labels: { team: "x", tier: "1" } }));
  await store.put(job({ jobId: "a2", owner: "bob", labels: { team: "x" }, end: DONE }));
  await store.put(job({ jobId: "b1", startedAt: 3_000, labels: { team: "y" }, end: DONE }));
  const filters: [JobFilter, string][] = [
    [{}, "b1 a2 a1"],
    [{ statuses: ["done"] }, "b1 a2"],
    [{ statuses: ["running", "done"] }, "b1 a2 a1"],
    [{ statuses: [] }, ""],
    [{ owner: "alice" }, "b1 a1"],
    [{ labels: { team: "x" } }, "a2 a1"],
    [{ labels: { team: "x", tier: "1" } }, "a1"],
    [{ labels: { team: "" } }, ""],
    [{ jobIdPrefix: "a" }, "a2 a1"],
    [{ jobIdPrefix: "a", owner: "bob", statuses: ["done"] }, "a2"],
    [{ startedAfter: 1_000, startedBefore: 3_000 }, "a2 a1"],
    [{ startedAfter: 1_001 }, "b1"],
    [{ labels: { toString: "x" } }, ""],
  ];
  for (const [filter, expected] of filters) {
    const found = (await store.list(filter, { limit: 10 })).map(({ jobId }) => jobId).join(" ");
    assert.equal(found, expected, JSON.stringify(filter));
  }
});
