import { JobWorkerError } from "../../../lib/errors.ts";
import { SqliteStore } from "../../../lib/store/sqlite_store.ts";
import type { Job } from "../../../lib/job/types.ts";
import { assert } from "../../assert.ts";
import { NO_SMALL_DISK, SmallDisk } from "../../small_disk.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { DONE, job } from "../../executor/job_fixture.ts";

const PAGE = 4 / 1024;
const LARGE_DISK = 64;

/** What a store must hold: by id, the job and its processIdentity. */
type Model = Map<string, readonly [job: Job, processIdentity: string]>;

/** One job more, the end of the one before, and the removal of an older one: all in one commit. */
function turn(store: SqliteStore, model: Model, index: number, env: Record<string, string>) {
  const idOf = (number: number) => `a${String(number).padStart(4, "0")}`;
  const command = { name: "true", args: [], env, workingDirectory: "/" };
  const jobId = idOf(index);
  const changed: Model = new Map(model);
  const started = job({ jobId, command, requestId: jobId, labels: { n: `${index}` } });
  const changes = [store.put(started), store.put(started, `boot:${index}`)];
  changed.set(jobId, [started, `boot:${index}`]);
  const [before, processIdentity = ""] = model.get(idOf(index - 1)) ?? [];
  if (before !== undefined) {
    const ended = { ...before, end: DONE };
    changes.push(store.put(ended));
    changed.set(ended.jobId, [ended, processIdentity]);
  }
  if (index % 2 === 0) {
    changes.push(store.delete(idOf(index - 3)));
    changed.delete(idOf(index - 3));
  }
  return { changes, changed };
}

async function assertHolds(store: SqliteStore, model: Model): Promise<void> {
  const jobs = [...model.values()].map(([job]) => job).reverse();
  assert.deepEqual(await store.list({}, { limit: 1000, maxBytes: Infinity }), jobs);
  const unfinished = [...model.values()].filter(([{ end }]) => end === null)
    .map(([{ jobId, pid, containment }, processIdentity]) => ({
      job: { jobId, pid, containment },
      processIdentity,
    }));
  assert.deepEqual(await store.unfinished(), unfinished);
  for (const { jobId, labels } of jobs) {
    assert.equal((await store.findByRequest("alice", jobId))?.jobId, jobId);
    assert.deepEqual((await store.list({ labels }, { limit: 9 })).map(({ jobId }) => jobId), [
      jobId,
    ]);
  }
  assert.equal(await store.get("a9999"), undefined);
}

/** What a machine finds that stopped now. */
async function assertCrashHolds(directory: string, model: Model): Promise<void> {
  await using copy = await temporaryDirectory();
  for (const name of ["jobs.db", "jobs.db-wal"]) {
    await Deno.copyFile(`${directory}/${name}`, `${copy.path}/${name}`);
  }
  await using store = await SqliteStore.open(`${copy.path}/jobs.db`);
  await assertHolds(store, model);
}

/**
 * Changes a store on a disk of that size until it has refused several turns, and looks at what is
 * left: for those that use it, after a crash, once there is room, and for those who open it next.
 *
 * @returns how many turns went well before the first that did not; -1 if it could not be opened
 */
async function fillUp(mebibytes: number, env: Record<string, string>): Promise<number> {
  await using disk = await SmallDisk.mount(mebibytes);
  const path = `${disk.path}/jobs.db`;
  let model: Model = new Map();
  let first = -1;
  try {
    await using store = await SqliteStore.open(path);
    first = 0;
    let index = 0;
    for (let refused = 0; refused < 3; index++) {
      const { changes, changed } = turn(store, model, index, env);
      const results = await Promise.allSettled(changes);
      const [one] = results;
      for (const { status } of results) assert.equal(status, one?.status, "All or none");
      if (one?.status !== "rejected") model = changed;
      else {
        refused++;
        assert.ok(one.reason instanceof JobWorkerError);
        assert.equal(one.reason.code, "unavailable");
        assert.match(one.reason.message, /^Cannot record jobs: .*(full|disk I\/O error)/);
      }
      if (refused === 0) first++;
    }
    await assertHolds(store, model);
    await assertCrashHolds(disk.path, model);
    await disk.resize(LARGE_DISK);
    const { changes, changed } = turn(store, model, index, env);
    await Promise.all(changes);
    model = changed;
    await assertHolds(store, model);
  } catch (error) {
    if (first >= 0) throw error;
    assert.ok(error instanceof JobWorkerError);
    assert.match(error.message, /^Cannot open the database ".*": .*(full|No space left)/);
    const names = await Array.fromAsync(Deno.readDir(disk.path), ({ name }) => name);
    assert.deepEqual(names.filter((name) => !name.startsWith("jobs.db")), [], "No draft is left");
    await disk.resize(LARGE_DISK);
  }
  await using again = await SqliteStore.open(path);
  await assertHolds(again, model);
  return first;
}

const SIZES: readonly [about: string, sizes: readonly number[], env: Record<string, string>][] = [
  ["any page", Array.from({ length: 75 }, (_, page) => (page + 1) * PAGE), {}],
  // Behind a thousand pages the write-ahead log is brought into the database, which takes room too.
  [
    "any time of a checkpoint",
    Array.from({ length: 16 }, (_, step) => 3 + step / 3),
    { LARGE: "x".repeat(100_000) },
  ],
];

for (const [about, sizes, env] of SIZES) {
  Deno.test({
    name: `A disk that is full at ${about} costs SqliteStore nothing that it has acknowledged, ` +
      `and leaves nothing by halves${NO_SMALL_DISK}`,
    ignore: NO_SMALL_DISK !== "",
    async fn() {
      const firsts = new Set<number>();
      for (const size of sizes) firsts.add(await fillUp(size, env));
      assert.ok(firsts.size >= 6, `It was full at too few different moments: ${[...firsts]}`);
    },
  });
}
