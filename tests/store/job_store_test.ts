/**
 * What every implementation of `JobStore` promises.
 *
 * @module
 */

import { fc } from "../random.ts";
import { v7 } from "uuid";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import type { FinishedFilter, FinishedJob, Holding, JobStore } from "../../lib/worker/mod.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import type { Job, JobFilter, JobStatus } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { filesIn } from "../sources.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { STORES, testStores } from "./stores.ts";

Deno.test("Every JobStore is held to what all of them promise", async () => {
  const names: string[] = [];
  for (const file of await filesIn("lib", /\.ts$/)) {
    const source = await Deno.readTextFile(`${ROOT}${file}`);
    for (const [, name = ""] of source.matchAll(/class (\w+) implements JobStore\b/g)) {
      names.push(name);
    }
  }
  assert.deepEqual(names.sort(), Object.keys(STORES).sort());
});

/** A job with every field at another value than usual. */
const UNUSUAL: Job = {
  jobId: "u",
  command: { name: "ünï\0", args: ["", '"'], env: { A: "\u2028" }, workingDirectory: "/x" },
  pid: 1,
  owner: "o'hara",
  name: "n.1",
  labels: { "": "", "'; DROP TABLE jobs": "?" },
  requestId: "r\n",
  queuedAt: 1_785_490_100_000,
  queue: null,
  startedAt: 1_785_490_200_000,
  stdoutBytes: 2 ** 53 - 1,
  stderrBytes: 2 ** 40,
  execution: {
    user: "nobody",
    umask: "077",
    nice: -3,
    timeoutMs: 5,
    gracePeriodMs: 0,
    limits: { memoryBytes: 2 ** 33, cpus: 0.5, processes: 3 },
    hasInput: true,
  },
  containment: "cgroup",
  usage: { cpuMs: 7, peakMemoryBytes: null, oomKills: 1 },
  logLimit: { bytes: 2 ** 20, policy: "end_job" },
  logBytes: 9,
  outputTruncated: true,
  liveStatus: "running",
  end: {
    status: "failed",
    reason: "log_limit",
    exitStatus: { signal: "SIGTERM" },
    finishedAt: 1_785_490_200_001,
    detail: "enough",
  },
};

async function ids(store: JobStore, filter: JobFilter = {}, limit = 100): Promise<string> {
  return (await store.list(filter, { limit })).map(({ jobId }) => jobId).join(" ");
}

testStores("get() returns a job to the last field", async (store) => {
  const lost = { ...UNUSUAL, jobId: "l", requestId: "", end: { ...DONE, exitStatus: null } };
  await store.put(UNUSUAL);
  await store.put(lost);
  assert.deepEqual(await store.get("u"), UNUSUAL);
  assert.deepEqual(await store.get("l"), lost);
  assert.equal(await store.get("x"), undefined);
  assert.deepEqual(await store.list({}, { limit: 9 }), [UNUSUAL, lost]);
});

testStores("put() replaces the job with the same id", async (store) => {
  await store.put(job({ jobId: "a" }));
  await store.put(job({ jobId: "a", end: DONE }));
  assert.deepEqual(await store.get("a"), job({ jobId: "a", end: DONE }));
  assert.equal(await ids(store), "a");
  assert.equal(await ids(store, { statuses: ["running"] }), "");
});

testStores("put() of a job is seen by whoever asks next, settled or not", async (store) => {
  const put = store.put(job({ jobId: "a", requestId: "r" }));
  assert.equal((await store.get("a"))?.jobId, "a");
  const again = store.put(job({ jobId: "b", requestId: "s" }));
  assert.equal((await store.findByRequest("alice", "s"))?.jobId, "b");
  const removed = store.delete("a");
  assert.equal(await ids(store), "b");
  await Promise.all([put, again, removed]);
});

testStores(
  "unfinished() returns the running jobs with the processIdentity they were given",
  async (store) => {
    await store.put(job({ jobId: "a" }));
    await store.put(job({ jobId: "b" }), "boot:1");
    // A later change says nothing about it, so it stays.
    await store.put(job({ jobId: "b", pid: 7, containment: "cgroup" }));
    await store.put(job({ jobId: "c" }), "boot:2");
    await store.put(job({ jobId: "c", end: DONE }));
    const unfinished = await store.unfinished();
    assert.deepEqual(unfinished.sort((x, y) => x.job.jobId < y.job.jobId ? -1 : 1), [
      { job: { jobId: "a", pid: 4_242, containment: "process_group" }, processIdentity: "" },
      { job: { jobId: "b", pid: 7, containment: "cgroup" }, processIdentity: "boot:1" },
    ]);
  },
);

testStores("findByRequest() keeps the requests of owners apart", async (store) => {
  await store.put(job({ jobId: "a", owner: "alice", requestId: "r" }));
  await store.put(job({ jobId: "b", owner: "bob", requestId: "r" }));
  await store.put(job({ jobId: "c", owner: "bob" }));
  await store.put(job({ jobId: "d", owner: "bob" }));
  assert.equal((await store.findByRequest("alice", "r"))?.jobId, "a");
  assert.equal((await store.findByRequest("bob", "r"))?.jobId, "b");
  assert.equal(await store.findByRequest("bob", ""), undefined);
  assert.equal(await store.findByRequest("carol", "r"), undefined);
});

testStores("delete() forgets a job, its request and its labels", async (store) => {
  await store.put(job({ jobId: "a", requestId: "r", labels: { team: "x" } }), "boot:1");
  await store.delete("a");
  await store.delete("never there");
  assert.equal(await store.get("a"), undefined);
  assert.equal(await store.findByRequest("alice", "r"), undefined);
  assert.equal(await ids(store, { labels: { team: "x" } }), "");
  assert.deepEqual(await store.unfinished(), []);
  // The same names may come again.
  await store.put(job({ jobId: "a", requestId: "r" }));
  assert.equal((await store.findByRequest("alice", "r"))?.jobId, "a");
  assert.equal(await ids(store, { labels: { team: "x" } }), "");
});

testStores("list() shows the newest first, in whatever order they were put", async (store) => {
  for (const jobId of ["c", "a", "e", "b", "d"]) await store.put(job({ jobId }));
  assert.equal(await ids(store), "e d c b a");
  assert.equal(await ids(store, {}, 2), "e d");
});

testStores("list() pages through what matches, while jobs come and go", async (store) => {
  for (const jobId of ["b", "d", "f", "h", "j"]) {
    await store.put(job({ jobId, owner: jobId === "f" ? "bob" : "alice", labels: { l: "1" } }));
  }
  const filters: [JobFilter, string][] = [
    [{}, "j h f d b"],
    [{ owner: "alice" }, "j h d b"],
    [{ statuses: ["running"] }, "j h f d b"],
    [{ labels: { l: "1" } }, "j h f d b"],
  ];
  for (const [filter, expected] of filters) {
    const seen: string[] = [];
    for (let page = await store.list(filter, { limit: 2 }); page.length > 0;) {
      seen.push(...page.map(({ jobId }) => jobId));
      assert.ok(seen.length <= 5, `No end: ${seen.join(" ")}`);
      // Newer than what was seen: not part of any page that follows.
      await store.put(job({ jobId: "z", labels: { l: "1" } }));
      page = await store.list(filter, { limit: 2, before: seen.at(-1) ?? "" });
      await store.delete("z");
    }
    assert.equal(seen.join(" "), expected, JSON.stringify(filter));
  }
});

/** A job whose record takes so many bytes. */
function large(jobId: string, bytes: number, end: Job["end"] = null): Job {
  const sized = (name: string) =>
    job({ jobId, end, command: { name, args: [], env: {}, workingDirectory: "/" } });
  return sized("x".repeat(bytes - JSON.stringify(sized("")).length));
}

testStores(
  "list() ends a page before its records take more than 2 MiB",
  async (store) => {
    const mi = 1024 * 1024;
    // One alone may be larger. It is the JSON that counts: a control character takes six.
    const bell = { name: "\x07".repeat(mi), args: [], env: {}, workingDirectory: "/" };
    for (const whole of [large("a", mi), large("b", mi), large("c", 3 * mi), job({ jobId: "d" })]) {
      await store.put(whole);
    }
    await store.put(job({ jobId: "e", command: bell }));
    await store.put(large("f", mi));
    const euros = { name: "€".repeat(mi / 3), args: [], env: {}, workingDirectory: "/" };
    await store.put(job({ jobId: "g", command: euros }));
    const pages: string[] = [];
    for (let page = await store.list({}, { limit: 100 }); page.length > 0;) {
      assert.ok(pages.push(page.map(({ jobId }) => jobId).join("")) <= 7, `No end: ${pages}`);
      page = await store.list({}, { limit: 100, before: page.at(-1)?.jobId ?? "" });
    }
    assert.deepEqual(pages, ["g", "f", "e", "d", "c", "ba"]);
  },
);

testStores("list() makes its pages as small as it is told to", async (store) => {
  for (const jobId of ["a", "b", "c"]) await store.put(large(jobId, 1_000));
  const sizes = [];
  for (const maxBytes of [1, 1_999, 2_000, 3_000]) {
    sizes.push((await store.list({}, { limit: 100, maxBytes })).length);
  }
  assert.deepEqual(sizes, [1, 1, 2, 3]);
});

testStores("finished() and holdings() count a record that is large", async (store) => {
  const put = async (jobId: string, argument: string) => {
    const command = { name: "true", args: [argument], env: {}, workingDirectory: "/" };
    const large = job({ jobId, command, logBytes: 7, end: DONE });
    await store.put(large);
    return JSON.stringify(large).length;
  };
  await put("a", "");
  const length = await put("b", "x".repeat(5_000));
  const sizes = (await store.finished({}, { limit: 9, after: "" })).map(({ bytes }) => bytes);
  assert.deepEqual(sizes, [7, 7 + length]);
  const [holding] = await store.holdings({});
  assert.equal(holding?.bytes, 14 + length);
});

testStores("finished() and holdings() tell what retention goes by", async (store) => {
  const end = (finishedAt: number) => ({ ...DONE, finishedAt });
  const bob = { owner: "bob" };
  await store.put(job({ jobId: "a", logBytes: 2 ** 40, end: end(1_785_490_200_001) }));
  await store.put(job({ jobId: "b" }));
  await store.put(job({ jobId: "c", ...bob, end: end(7) }));
  await store.put(job({ jobId: "d", logBytes: 1 }));
  await store.put(job({ jobId: "d", logBytes: 5, end: end(6) }));
  await store.put(job({ jobId: "e", ...bob, logBytes: 3, end: end(8) }));
  await store.delete("e");
  await store.put(job({ jobId: "f", owner: "carol", end: end(8) }));
  await store.delete("f");
  await store.put(job({ jobId: "g", owner: "dora" }));
  const [a, c, d] = [
    { jobId: "a", owner: "alice", finishedAt: 1_785_490_200_001, bytes: 2 ** 40 },
    { jobId: "c", owner: "bob", finishedAt: 7, bytes: 0 },
    { jobId: "d", owner: "alice", finishedAt: 6, bytes: 5 },
  ];
  const ofBob = { owner: "bob", jobs: 1, bytes: 0, oldest: "c" };
  const ofAlice = { owner: "alice", jobs: 2, bytes: 2 ** 40 + 5, oldest: "a" };
  const cases: [FinishedFilter, FinishedJob[], Holding[]][] = [
    [{}, [a, c, d], [ofAlice, ofBob]],
    [{ owner: "alice" }, [a, d], [ofAlice]],
    [{ owner: "carol" }, [], []],
    [{ owner: "dora" }, [], []],
    [{ since: 7 }, [a, c], [{ ...ofAlice, jobs: 1, bytes: 2 ** 40 }, ofBob]],
    [{ before: 7 }, [d], [{ owner: "alice", jobs: 1, bytes: 5, oldest: "d" }]],
    [{ owner: "alice", since: 6, before: 7 }, [d], [{
      ...ofAlice,
      jobs: 1,
      bytes: 5,
      oldest: "d",
    }]],
    [{ owner: "bob", since: 7.5 }, [], []],
  ];
  for (const [filter, jobs, holdings] of cases) {
    const what = JSON.stringify(filter);
    assert.deepEqual(await store.finished(filter, { limit: 9, after: "" }), jobs, what);
    const found = await store.holdings(filter);
    assert.deepEqual(found.sort((x, y) => x.owner < y.owner ? -1 : 1), holdings, what);
  }
  assert.deepEqual(await store.finished({}, { limit: 2, after: "" }), [a, c]);
  assert.deepEqual(await store.finished({}, { limit: 2, after: "a" }), [c, d]);
  assert.deepEqual(await store.finished({ owner: "alice" }, { limit: 2, after: "c" }), [d]);
});

testStores("list() filters by status, owner, labels and beginning", async (store) => {
  const cancelled = { ...DONE, status: "cancelled" } as const;
  await store.put(job({ jobId: "a1", labels: { team: "x", tier: "1" } }));
  await store.put(job({ jobId: "a2", owner: "bob", labels: { team: "x" }, end: DONE }));
  await store.put(job({ jobId: "a9", owner: "bob", labels: { tier: "1" }, end: cancelled }));
  await store.put(job({ jobId: "b1", labels: { team: "y" }, end: DONE }));
  const filters: [JobFilter, string][] = [
    [{}, "b1 a9 a2 a1"],
    [{ statuses: ["done"] }, "b1 a2"],
    [{ statuses: ["cancelled", "done"] }, "b1 a9 a2"],
    [{ statuses: [] }, ""],
    [{ owner: "alice" }, "b1 a1"],
    [{ owner: "" }, ""],
    [{ labels: {} }, "b1 a9 a2 a1"],
    [{ labels: { team: "x" } }, "a2 a1"],
    [{ labels: { team: "x", tier: "1" } }, "a1"],
    [{ labels: { tier: "1", team: "x" } }, "a1"],
    [{ labels: { tier: "1" }, owner: "bob" }, "a9"],
    [{ labels: { team: "" } }, ""],
    [{ labels: { toString: "x" } }, ""],
    [{ jobIdPrefix: "" }, "b1 a9 a2 a1"],
    [{ jobIdPrefix: "a" }, "a9 a2 a1"],
    [{ jobIdPrefix: "a1" }, "a1"],
    [{ jobIdPrefix: "a", owner: "bob", statuses: ["done"] }, "a2"],
    [{ jobIdPrefix: "a", labels: { team: "x" } }, "a2 a1"],
  ];
  for (const [filter, expected] of filters) {
    assert.equal(await ids(store, filter), expected, JSON.stringify(filter));
    const older = await store.list(filter, { limit: 100, before: "a2" });
    const rest = expected.split(" ").filter((jobId) => jobId !== "" && jobId < "a2").join(" ");
    assert.equal(older.map(({ jobId }) => jobId).join(" "), rest, JSON.stringify(filter));
  }
});

/** A time, and ids as they are made then, in their order. */
const NOON = Date.UTC(2026, 10, 28, 12);
const idAt = (msecs: number, seq = 0) => v7({ msecs, seq });

testStores(
  "list() filters by start to the millisecond, also where a clock was set",
  async (store) => {
    // The hour of the clock, and how far the id is ahead: 20 minutes behind, and years ahead.
    const jobs = [[0, -1], [1, -3], [2, -1_200_000], [3, 0], [4, 5], [5, 3_600_000 * 24 * 400]];
    for (const [hour = 0, skew = 0] of jobs) {
      const startedAt = NOON + hour * 3_600_000;
      const labels = { hour: `${hour}`, team: "x" };
      await store.put(job({ jobId: idAt(startedAt + skew), startedAt, labels }));
    }
    const hours = async (filter: JobFilter) =>
      (await store.list(filter, { limit: 9 })).map(({ labels }) => labels.hour).join("");
    for (const [from = 0] of jobs) {
      for (const [to = 0] of jobs) {
        const expected = [5, 4, 3, 2, 1, 0].filter((hour) => hour >= from && hour < to).join("");
        const startedAfter = NOON + from * 3_600_000;
        const startedBefore = NOON + to * 3_600_000;
        for (const more of [{}, { owner: "alice" }, { labels: { team: "x" } }]) {
          assert.equal(await hours({ startedAfter, startedBefore, ...more }), expected);
          assert.equal(
            await hours({ startedAfter: startedAfter - 0.5, startedBefore: startedBefore - 0.5 }),
            expected,
          );
        }
        assert.equal(
          await hours({ startedAfter: startedAfter + 0.5, startedBefore: startedBefore + 0.5 }),
          [5, 4, 3, 2, 1, 0].filter((hour) => hour > from && hour <= to).join(""),
        );
      }
    }
    assert.equal(await hours({ startedAfter: -1e300, startedBefore: 1e300 }), "543210");
    assert.equal(await hours({ startedBefore: -1e300 }), "");
    assert.equal(await hours({ startedAfter: 1e300 }), "");
  },
);

Deno.test("SqliteStore.list() finds what MemoryStore finds, whatever the jobs and the filter", async () => {
  const few = <T>(...values: T[]) => fc.constantFrom(...values);
  const labels = fc.dictionary(few("team", "tier"), few("x", "y"), {
    maxKeys: 2,
    noNullPrototype: true,
  });
  const time = fc.integer({ min: 0, max: 20 }).map((step) => NOON + step * 10);
  const anyJob = fc.record({
    owner: few("alice", "bob"),
    name: few("", "", "", "nightly", "weekly"),
    labels,
    startedAt: time,
    end: few(null, DONE, { ...DONE, status: "failed" as const }),
    isQueued: fc.boolean(),
    tail: few("0000000000ab", "f000f00000ab", "f00000000bab"),
    skew: fc.oneof(few(0, -1, -20), fc.integer({ min: -200, max: 200 })),
  });
  const statuses = fc.uniqueArray(
    few<JobStatus>("queued", "running", "done", "failed", "cancelled"),
  );
  const anyFilter = fc.record({
    owner: few("alice", "bob", "carol"),
    name: few("nightly", "weekly", "hourly"),
    labels,
    statuses,
    jobIdPrefix: time.map((at) => idAt(at).slice(0, 12)),
    jobIdSuffix: few("00ab", "f00000ab", "f00000000bab", "8a0b-f00000000bab", "9a0b-f00000000bab"),
    startedAfter: time,
    startedBefore: time,
  }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyJob, { maxLength: 30 }),
      fc.array(anyFilter, { minLength: 20, maxLength: 20 }),
      async (parts, filters) => {
        await using directory = await temporaryDirectory();
        await using stored = await SqliteStore.open(`${directory.path}/jobs.db`);
        await using remembered = new MemoryStore();
        for (const [index, { skew, isQueued, tail, ...part }] of parts.entries()) {
          const { startedAt } = part;
          const queued = { queuedAt: startedAt, startedAt: null, liveStatus: "queued" } as const;
          const jobId = `${idAt(startedAt + skew, index << 20).slice(0, 19)}8a0b-${tail}`;
          const one = job({ jobId, ...part, ...isQueued && queued });
          const [here, there] = await Promise.allSettled([stored.put(one), remembered.put(one)]);
          assert.deepEqual(here, there);
        }
        for (const filter of filters) {
          const found = await stored.list(filter, { limit: 9 });
          assert.deepEqual(found, await remembered.list(filter, { limit: 9 }));
        }
      },
    ),
    { numRuns: 25 },
  );
});
