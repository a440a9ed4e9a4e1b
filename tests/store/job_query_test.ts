import { DatabaseSync } from "node:sqlite";
import { finishedQuery, jobQuery } from "../../lib/store/job_query.ts";
import { migrate } from "../../lib/store/migrations.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import type { JobFilter } from "../../lib/worker/types.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DONE, job } from "../worker/job_fixture.ts";

/** Filters by which a page is found in an index, in its order, however many jobs there are. */
const BY_INDEX: readonly JobFilter[] = [
  {},
  { statuses: ["running"] },
  { owner: "alice" },
  { owner: "alice", statuses: ["done", "failed", "cancelled"] },
  { jobIdPrefix: "0199" },
  { jobIdPrefix: "0199", owner: "alice" },
  { labels: { team: "x" } },
  { labels: { team: "x", tier: "1" } },
  { labels: { team: "x" }, owner: "alice", statuses: ["done"] },
];

Deno.test("jobQuery() finds a page by an index, and sorts nothing", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  for (const filter of BY_INDEX) {
    const { sql, values } = jobQuery(filter, { limit: 100, before: "0199" });
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values)
      .map(({ detail }) => String(detail));
    assert.ok(plan.length > 0);
    for (const step of plan) {
      // Every table is entered by a key; a sort would be USE TEMP B-TREE.
      assert.match(step, /^SEARCH .* USING (PRIMARY KEY|(COVERING )?INDEX)/, `${sql}: ${plan}`);
    }
  }
});

Deno.test("finishedQuery() reads an index alone, since the records may be large", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  for (const owner of [undefined, "alice"]) {
    const { sql, values } = finishedQuery({ limit: 100, before: "0199" }, owner);
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
    assert.deepEqual(plan.map(({ detail }) => detail), [
      "SEARCH jobs USING COVERING INDEX jobs_finished (job_id<?)",
    ]);
  }
});

Deno.test("SqliteStore.list() pages through 50,000 jobs, each once", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  const idOf = (index: number) => `0199${String(index).padStart(8, "0")}`;
  const puts = Array.from({ length: 50_000 }, (_, index) =>
    store.put(job({
      jobId: idOf(index),
      owner: index % 2 === 0 ? "alice" : "bob",
      labels: index % 1_000 === 0 ? { team: "rare" } : {},
      end: index % 5_000 === 0 ? null : DONE,
    })));
  await Promise.all(puts);
  const counts: [JobFilter, number][] = [
    [{}, 50_000],
    [{ owner: "bob" }, 25_000],
    [{ labels: { team: "rare" } }, 50],
    [{ statuses: ["running"] }, 10],
    [{ jobIdPrefix: idOf(777).slice(0, -2) }, 100],
  ];
  for (const [filter, expected] of counts) {
    let count = 0;
    let last = "g";
    for (let page = await store.list(filter, { limit: 1_000 }); page.length > 0;) {
      for (const { jobId } of page) {
        assert.ok(jobId < last);
        last = jobId;
        count++;
      }
      page = await store.list(filter, { limit: 1_000, before: last });
    }
    assert.equal(count, expected, JSON.stringify(filter));
  }
});
