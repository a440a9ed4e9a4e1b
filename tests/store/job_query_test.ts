import { DatabaseSync } from "node:sqlite";
import { JobQuery, SKEW_SQL } from "../../lib/store/job_query.ts";
import { migrate } from "../../lib/store/migrations.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import type { FinishedFilter } from "../../lib/worker/mod.ts";
import type { JobFilter } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";

/** One statement that was run, and the steps in which SQLite goes about it. */
interface Run {
  readonly sql: string;
  readonly plan: readonly string[];
}

/** Everything that a store asks of its database from its opening on, with the plan of each. */
async function plansOf(use: (store: SqliteStore) => Promise<void>): Promise<Run[]> {
  const asked = new Map<string, DatabaseSync>();
  const { prepare } = DatabaseSync.prototype;
  const runs: Run[] = [];
  DatabaseSync.prototype.prepare = function (sql) {
    asked.set(sql, this);
    return prepare.call(this, sql);
  };
  try {
    await using directory = await temporaryDirectory();
    await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
    // The pragmas of the opening are no queries.
    for (const sql of asked.keys()) if (/pragma/i.test(sql)) asked.delete(sql);
    await use(store);
    for (const [sql, database] of asked) {
      const plan = prepare.call(database, `EXPLAIN QUERY PLAN ${sql}`).all();
      runs.push({ sql, plan: plan.map(({ detail }) => String(detail)) });
    }
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
  return runs;
}

/** Each member of a filter, given and not. */
const MEMBERS: readonly JobFilter[] = [
  { owner: "alice" },
  { statuses: ["running"] },
  { statuses: ["done", "failed", "cancelled"] },
  { labels: { team: "x" } },
  { labels: { team: "x", tier: "1" } },
  { jobIdPrefix: "0199" },
  { startedAfter: 1, startedBefore: 9 },
];

/** Every filter that can be made of these members. */
const FILTERS: readonly JobFilter[] = MEMBERS.reduce<JobFilter[]>(
  (filters, member) => [...filters, ...filters.map((filter) => ({ ...filter, ...member }))],
  [{}],
);

/** Every filter of finished jobs. */
const FINISHED: readonly FinishedFilter[] = [{}, { owner: "alice" }].flatMap((whose) => [
  whose,
  { ...whose, since: 1 },
  { ...whose, before: 9 },
  { ...whose, since: 1, before: 9 },
]);

Deno.test("SqliteStore finds everything that it asks for by an index", async () => {
  const runs = await plansOf(async (store) => {
    const jobId = "01990000-0000-7000-8000-000000000000";
    await store.put(job({ jobId, labels: { team: "x" }, requestId: "r" }));
    await store.get(jobId);
    await store.findByRequest("alice", "r");
    await store.unfinished();
    for (const filter of FINISHED) {
      await store.finished(filter, { limit: 9, after: jobId });
      await store.holdings(filter);
    }
    for (const filter of FILTERS) {
      await store.list(filter, { limit: 9 });
      await store.list(filter, { limit: 9, before: jobId });
      await store.countByStatus(filter);
    }
    store.outbox.hosts();
    store.outbox.due("hooks.example", 1, { limit: 4 });
    const url = "https://hooks.example/";
    await store.settle({ jobId, url, result: { retryAt: 2 } });
    await store.settle({ jobId, url, result: "delivered" });
    await store.delete(jobId);
  });
  assert.ok(runs.length > 90, `${runs.length}`);
  for (const { sql, plan } of runs) {
    // The newest jobs of all, and what retention counts: of these, every one is asked for.
    // And the change log has one row, or none. Which webhooks are still to be called is asked once.
    const all =
      /FROM change_log|SELECT DISTINCT host FROM notifications|FROM jobs (INDEXED BY jobs_by_owner .*GROUP BY owner|ORDER BY)/;
    for (const step of plan) {
      // Several statuses lie one after the other in their index: of each the newest are sorted.
      const isMerge = step === "USE TEMP B-TREE FOR ORDER BY" && /status IN \(\?,/.test(sql);
      const isAll = /^SCAN (jobs|change_log|notifications)/.test(step) && all.test(sql);
      const isPart =
        /^(SCAN (CONSTANT ROW|\(subquery)|SCAN \d|(CORRELATED )?SCALAR SUBQUERY|CO-ROUTINE)/
          .test(step);
      assert.ok(
        isMerge || isAll || isPart || /^SEARCH .* USING (PRIMARY KEY|(COVERING )?INDEX)/.test(step),
        `${sql}\n${plan.join("\n")}`,
      );
    }
  }
});

Deno.test("SqliteStore.list() searches every index by the ids of the span of time", async () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  for (const filter of FILTERS.filter(({ startedAfter }) => startedAfter !== undefined)) {
    const query = new JobQuery(filter, { limit: 9 }, { least: 0, most: 0 });
    // Either of its terms may lead.
    const pages = query.counts.length === 0
      ? [query.page()]
      : query.counts.map((_, leading) => query.page(leading));
    for (const { sql } of [...query.counts, ...pages]) {
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
        .map(({ detail }) => String(detail));
      const entry = plan.find((step) => step.startsWith("SEARCH"));
      assert.match(entry ?? "", /job_id>\? AND job_id<\?\)$/, `${sql}\n${plan.join("\n")}`);
    }
  }
  // The span is asked for as it is needed, and by no more than two steps into an index.
  const runs = await plansOf(async (store) => {
    await store.list({ startedBefore: 9 }, { limit: 9 });
  });
  const span = runs.find(({ sql }) => sql === SKEW_SQL);
  assert.deepEqual(
    span?.plan.filter((step) => !step.startsWith("SCA")),
    Array(2).fill("SEARCH jobs USING COVERING INDEX jobs_by_skew"),
  );
});

Deno.test("SqliteStore reads an index alone for retention, since the records may be large", async () => {
  const runs = await plansOf(async (store) => {
    for (const filter of FINISHED) {
      await store.finished(filter, { limit: 100, after: "0199" });
      await store.holdings(filter);
    }
  });
  const plans = runs.filter(({ sql }) => /^SELECT .*log_bytes/.test(sql)).map(({ plan }) => plan);
  assert.equal(plans.length, 2 * FINISHED.length);
  const [ofAll, ofOne] = ["(job_id>?)", "(owner=? AND job_id>?)"];
  for (const [step, ...more] of plans) {
    assert.deepEqual(more, []);
    assert.ok(
      [
        `SEARCH jobs USING COVERING INDEX jobs_finished ${ofAll}`,
        `SEARCH jobs USING COVERING INDEX jobs_by_owner ${ofOne}`,
        "SEARCH jobs USING COVERING INDEX jobs_by_owner (owner=?)",
        "SCAN jobs USING COVERING INDEX jobs_by_owner",
      ].includes(step ?? ""),
      `${step}`,
    );
  }
});

Deno.test("SqliteStore.list() looks for the rarest of what is asked for", async () => {
  const rare: [JobFilter, RegExp][] = [
    [{ labels: { team: "x", tier: "1" } }, /^SEARCH labels USING PRIMARY KEY \(name=\?/],
    [{ labels: { team: "x" }, owner: "bob" }, /jobs_by_owner/],
    [{ labels: { team: "x" }, statuses: ["running"] }, /jobs_by_status/],
    [{ owner: "bob", statuses: ["done"] }, /jobs_by_owner_and_status/],
    [{ owner: "alice", statuses: ["running"] }, /jobs_by_owner_and_status/],
    [{ owner: "bob", statuses: ["done", "failed"] }, /jobs_by_owner /],
    [{ owner: "alice", labels: { tier: "1" } }, /^SEARCH labels/],
  ];
  for (const [filter, index] of rare) {
    const runs = await plansOf(async (store) => {
      const many = Array.from({ length: 20 }, (_, id) => (
        job({ jobId: `a${id + 10}`, labels: { team: "x" }, end: DONE })
      ));
      await Promise.all(many.map((job) => store.put(job)));
      await store.put(job({ jobId: "b1", labels: { team: "x", tier: "1" } }));
      await store.put(job({ jobId: "b2", owner: "bob", labels: { team: "x" }, end: DONE }));
      assert.equal((await store.list(filter, { limit: 9 })).length, 1, JSON.stringify(filter));
    });
    const page = runs.find(({ sql }) => /^SELECT record FROM .* LIMIT/.test(sql));
    assert.match(page?.plan[0] ?? "", index, JSON.stringify(filter));
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
