/** What holds of a registry that hubs share, beside what holds of any. */

import { v7 } from "uuid";
import type { HostChangesPage } from "../../lib/fleet/host_changes.ts";
import { HostChanges } from "../../lib/fleet/host_changes.ts";
import type { PostgresRegistry } from "../../lib/fleet/postgres_registry.ts";
import { POSTGRES_SCHEMA } from "../../lib/fleet/postgres_schema.ts";
import { parseDatabaseUrl } from "../../lib/net/database_url.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { seeded } from "../random.ts";
import { contextOf } from "../service/fixture.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { type Cut, CutProxy } from "./cut_proxy.ts";
import { postgresTest } from "./postgres_server.ts";
import { newEntry } from "./queue_entries.ts";
import { askDatabase, createDatabase, openPostgres } from "./registries.ts";

const A = { name: "a", slots: 2 };
const LIMITS = { maxQueued: 1_000, maxQueuedPerUser: 1_000 };

postgresTest("Hubs that share a registry never give a slot twice", async () => {
  const url = await createDatabase();
  await using one = await openPostgres(url);
  await using other = await openPostgres(url);
  const added = await Promise.all(
    Array.from({ length: 8 }, (_, at) => {
      return (at % 2 === 0 ? one : other).queue.add(newEntry(), [A], LIMITS);
    }),
  );
  const kinds = added.map(({ kind }) => kind);
  assert.deepEqual(kinds.toSorted(), [
    ...Array(2).fill("given"),
    ...Array(6).fill("waiting"),
  ]);
  assert.equal((await one.live()).of("a"), 2);
  const more = { ...A, slots: 5 };
  const claimed = await Promise.all(
    Array.from(
      { length: 6 },
      (_, at) => (at % 2 === 0 ? one : other).queue.claim(more, () => true),
    ),
  );
  const ids = claimed.flatMap((entry) => entry?.jobId ?? []);
  assert.deepEqual([ids.length, new Set(ids).size], [3, 3]);
  assert.equal((await other.live()).of("a"), 5);
});

postgresTest("Only the hub that asks a host says what becomes of a start", async () => {
  const url = await createDatabase();
  await using one = await openPostgres(url);
  const { jobId } = await (async () => {
    await using other = await openPostgres(url);
    const entry = newEntry();
    await other.queue.add(entry, [A], LIMITS);
    assert.equal((await other.queue.get(entry.jobId))?.isHere, true);
    assert.equal((await one.queue.get(entry.jobId))?.isHere, false);
    // It is there, so nobody takes anything from it.
    assert.deepEqual(await one.queue.adopt(), []);
    assert.equal(await one.queue.release(entry.jobId, "a", []), undefined);
    assert.equal(await one.queue.end(entry.jobId, "a", DONE), undefined);
    assert.equal(await one.queue.withdraw(entry.jobId, "a"), false);
    return entry;
  })();
  const adopted = await one.queue.adopt();
  assert.deepEqual(adopted.map((entry) => [entry.jobId, entry.host, entry.isHere]), [
    [jobId, "a", true],
  ]);
  assert.deepEqual(await one.queue.adopt(), []);
  assert.equal(await one.queue.release(jobId, "a", []), "");
});

for (const [cut, becomes] of [["before", "undone"], ["after", "done"]] as const) {
  postgresTest(
    `A commit whose connection breaks ${cut} the server has it is ${becomes}`,
    async () => {
      const url = await createDatabase();
      await commitCut(url, cut, becomes === "done");
    },
  );
}

async function commitCut(url: string, cut: Cut, isDone: boolean): Promise<void> {
  const { port } = parseDatabaseUrl(url);
  await using proxy = new CutProxy(port);
  await using registry = await openPostgres(url.replace(`:${port}/`, `:${proxy.port}/`));
  const [before, after] = [newEntry(), newEntry()];
  proxy.cutNext(cut);
  const [added] = await Promise.allSettled([registry.queue.add(before, [A], LIMITS)]);
  assert.equal(added.status, isDone ? "fulfilled" : "rejected");
  if (added.status === "rejected") assert.equal(added.reason.code, "unavailable");
  assert.equal((await registry.queue.get(before.jobId))?.host, isDone ? "a" : undefined);
  // It goes on by itself.
  assert.equal((await registry.queue.add(after, [A], LIMITS)).kind, "given");
}

postgresTest("The copy of a host is right, however the pages of several hubs come", async () => {
  const random = seeded("hubs");
  const url = await createDatabase();
  await using directory = await temporaryDirectory();
  await using one = await openPostgres(url);
  await using other = await openPostgres(url);
  const path = `${directory.path}/jobs.db`;
  const known = new Set<string>();
  for (let round = 0; round < 3; round++) {
    // Another daemon each time, of which the middle one noted nothing, so that all is told anew.
    await using store = await SqliteStore.open(path, { notesChanges: round !== 1 });
    const added = Array.from({ length: 600 }, () => v7());
    const removed = [...known].filter(() => random() < 0.2);
    for (const jobId of added) known.add(jobId);
    for (const jobId of removed) known.delete(jobId);
    await Promise.all([
      ...added.map((jobId, at) => store.put(job({ jobId, end: at % 2 === 0 ? DONE : null }))),
      ...removed.map((jobId) => store.delete(jobId)),
    ]);
    if (store.changes === null) continue;
    const changes = new HostChanges(store, store.changes, { version: "", load: () => 0 });
    await copyByBoth([one, other], changes, random);
    const listed = await listAll(one);
    assert.deepEqual(listed, [...known].toSorted().toReversed());
  }
});

/** Has two hubs ask a host and take over what it says, in any order, until neither learns anything new. */
async function copyByBoth(
  registries: readonly PostgresRegistry[],
  changes: HostChanges,
  random: () => number,
): Promise<void> {
  const context = contextOf("hub", []);
  const held = new Map<PostgresRegistry, HostChangesPage>();
  const isNews = ({ isAnew, jobs, removed }: HostChangesPage) =>
    isAnew || jobs.length > 0 || removed.length > 0;
  const idle = new Set<PostgresRegistry>();
  while (idle.size < registries.length) {
    const registry = registries[Math.floor(random() * registries.length)] ?? assert.fail("None");
    const page = held.get(registry);
    if (page === undefined) {
      const since = await registry.since("a");
      held.set(registry, await changes.changes({ ...since, atOnce: true }, context));
      continue;
    }
    held.delete(registry);
    await registry.apply("a", page, 1_000);
    if (isNews(page)) idle.clear();
    else idle.add(registry);
  }
}

async function listAll(registry: PostgresRegistry): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const before = ids.at(-1);
    const page = await registry.list({}, { limit: 500, ...(before !== undefined && { before }) });
    if (page.length === 0) return ids;
    ids.push(...page.map(({ job }) => job.jobId));
  }
}

postgresTest("A registry is found by every filter that a list has", async () => {
  await using registry = await openPostgres(await createDatabase());
  const [first, second, third] = [v7(), v7(), v7()];
  await registry.started("a", job({ jobId: first, owner: "bob", labels: { x: "1", y: "2" } }));
  await registry.started("b", job({ jobId: second, owner: "bob", end: DONE, startedAt: 5_000 }));
  await registry.started("b", job({ jobId: third, owner: "eve", labels: { x: "1" } }));
  const found = async (filter: Parameters<PostgresRegistry["list"]>[0], limit = 9) =>
    (await registry.list(filter, { limit })).map(({ job }) => job.jobId);
  assert.deepEqual(await found({}), [third, second, first]);
  assert.deepEqual(await found({}, 2), [third, second]);
  assert.deepEqual(await found({ owner: "bob" }), [second, first]);
  assert.deepEqual(await found({ host: "b", statuses: ["running"] }), [third]);
  assert.deepEqual(await found({ labels: { x: "1" } }), [third, first]);
  assert.deepEqual(await found({ labels: { x: "1", y: "2" } }), [first]);
  assert.deepEqual(await found({ jobIdPrefix: second }), [second]);
  assert.deepEqual(await found({ startedAfter: 5_000, startedBefore: 5_001 }), [second]);
  assert.deepEqual(await found({ startedAfter: 5_000.5, startedBefore: 5_001 }), []);
});

postgresTest("A registry is refused that is of another fleet, key or version", async () => {
  const url = await createDatabase();
  await using registry = await openPostgres(url);
  await assert.rejects(openPostgres(url, { fleet: "test" }), {
    code: "failed_precondition",
    message: /the fleet "prod", and this is a hub of "test"/,
  });
  await assert.rejects(openPostgres(url, { keyDigest: "another" }), {
    code: "failed_precondition",
    message: /sealed with another key .* copy queue\.key/,
  });
  await askDatabase(url, (sql) => sql`UPDATE registry SET schema = ${POSTGRES_SCHEMA.length + 1}`);
  await assert.rejects(openPostgres(url), {
    code: "failed_precondition",
    message: /is newer than/,
  });
  assert.equal(await registry.newestId(), "");
});

postgresTest("What is wrong with the way to a registry is told without the password", async () => {
  const url = await createDatabase();
  const refused = await openPostgres(url, { password: "wrong-password" }).catch((error) => error);
  assert.equal(refused.code, "failed_precondition");
  assert.match(refused.message, /^The registry at 127\.0\.0\.1:\d+ cannot be used: password auth/);
  assert.doesNotMatch(refused.message, /wrong-password/);
  // The server speaks no TLS.
  await assert.rejects(openPostgres(`${url}?sslmode=require`), { code: "unavailable" });
  await assert.rejects(openPostgres(url.replace(/\d+\//, "1/")), {
    code: "unavailable",
    message: /^The registry at 127\.0\.0\.1:1 cannot be used: /,
  });
});
