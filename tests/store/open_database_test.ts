import { DatabaseSync } from "node:sqlite";
import { v7 } from "uuid";
import { JobWorkerError } from "../../lib/errors.ts";
import { JOB_SCHEMA, migrate, schemaVersion } from "../../lib/store/migrations.ts";
import { openDatabase, openError } from "../../lib/store/open_database.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { assert } from "../assert.ts";
import { NO_SMALL_DISK, SmallDisk } from "../small_disk.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";

/** What `SqliteStore.open()` says of a file that it must not touch. */
async function refusal(path: string, code = "failed_precondition"): Promise<string> {
  const before = await Deno.readFile(path);
  const error = await rejection(SqliteStore.open(path));
  assert.ok(error instanceof JobWorkerError, String(error));
  assert.equal(error.code, code);
  assert.ok(error.message.startsWith(`Cannot open the database "${path}": `), error.message);
  assert.doesNotMatch(error.message, /\n/);
  assert.equal((await Deno.readFile(path)).toHex(), before.toHex(), "The file is as it was");
  return error.message;
}

/** The bytes of a sound database of some hundred pages. */
async function soundDatabase(directory: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = `${directory}/sound.db`;
  {
    await using store = await SqliteStore.open(path);
    const put = (index: number) =>
      store.put(job({ jobId: `a${index}`, labels: { l: `${index}` } }));
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => put(index)));
  }
  return await Deno.readFile(path);
}

Deno.test("openDatabase() flushes each commit, locks the file, and has labels go with their jobs", async () => {
  await using directory = await temporaryDirectory();
  // A new one, and one that is there.
  for (const _time of [1, 2]) {
    using database = await openDatabase(`${directory.path}/jobs.db`);
    const said = (pragma: string) => database.prepare(`PRAGMA ${pragma}`).get()?.[pragma];
    assert.equal(said("synchronous"), 2, "FULL, see https://sqlite.org/pragma.html");
    assert.equal(said("journal_mode"), "wal");
    assert.equal(said("foreign_keys"), 1);
    assert.equal(said("locking_mode"), "exclusive");
    assert.equal(schemaVersion(database), JOB_SCHEMA.length);
  }
});

Deno.test("SqliteStore.open() refuses a database that was cut short anywhere", async () => {
  await using directory = await temporaryDirectory();
  const sound = await soundDatabase(directory.path);
  const path = `${directory.path}/cut.db`;
  const { byteLength } = sound;
  for (const size of [0, 1, 100, 4096, 5000, byteLength >> 1, byteLength - 4096, byteLength - 1]) {
    await Deno.writeFile(path, sound.subarray(0, size));
    assert.match(await refusal(path), /it is damaged .* restore it from a backup, or move it away/);
  }
  await Deno.writeFile(path, sound);
  await using store = await SqliteStore.open(path);
  assert.equal((await store.list({}, { limit: 2_000 })).length, 1_000);
});

Deno.test("SqliteStore.open() refuses what is damaged, or no database, or another program's", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  const damaged = await soundDatabase(directory.path);
  damaged.fill(0xff, 4 * 4096, 5 * 4096);
  for (const bytes of [damaged, new TextEncoder().encode("hello"), new Uint8Array(9_000)]) {
    await Deno.writeFile(path, bytes);
    assert.match(await refusal(path), /it is damaged .* has been left as it is; restore it/);
  }
  await Deno.remove(path);
  using foreign = new DatabaseSync(path);
  foreign.exec("CREATE TABLE jobs (name TEXT)");
  foreign.close();
  assert.match(await refusal(path), /not a database of Job Worker/);
});

Deno.test("SqliteStore.open() refuses a newer schema, and names both versions", async () => {
  await using directory = await temporaryDirectory();
  for (const mode of ["DELETE", "WAL"]) {
    const path = `${directory.path}/${mode}.db`;
    const newer = new DatabaseSync(path);
    newer.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE t (a); PRAGMA user_version = 99`);
    newer.close();
    const message = await refusal(path);
    assert.match(message, new RegExp(`schema 99 is newer than ${JOB_SCHEMA.length}.*install the`));
  }
});

Deno.test("SqliteStore.open() refuses a database that is open, and does the first no harm", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  const openings = await Promise.allSettled(
    Array.from({ length: 5 }, () => SqliteStore.open(path)),
  );
  const stores = openings.flatMap((opening) =>
    opening.status === "fulfilled" ? [opening.value] : []
  );
  assert.equal(stores.length, 1, "Of several that begin together one wins");
  for (const opening of openings) {
    if (opening.status === "fulfilled") continue;
    assert.match(opening.reason.message, /another daemon has it open; stop that one, or choose/);
  }
  const [first] = stores;
  assert.ok(first);
  await first.put(job({ jobId: "a" }));
  assert.match(await refusal(path, "unavailable"), /another daemon has it open/);
  await first.put(job({ jobId: "b" }));
  await first[Symbol.asyncDispose]();
  await using next = await SqliteStore.open(path);
  assert.equal((await next.list({}, { limit: 9 })).length, 2);
  const names = (await Array.fromAsync(Deno.readDir(directory.path))).map(({ name }) => name);
  assert.deepEqual(names.sort(), ["jobs.db", "jobs.db-wal"], "No draft is left");
});

Deno.test("SqliteStore.open() names the directory that is missing or cannot be written", async () => {
  await using directory = await temporaryDirectory();
  for (const path of [`${directory.path}/none/jobs.db`, directory.path]) {
    const error = await rejection(SqliteStore.open(path));
    assert.ok(error instanceof JobWorkerError);
    assert.ok(error.message.includes(path), error.message);
    assert.match(error.message, /check the file and its directory, or choose another --data-dir/);
  }
});

Deno.test({
  name: `SqliteStore.open() refuses a disk that is full or read-only${NO_SMALL_DISK}`,
  ignore: NO_SMALL_DISK !== "",
  async fn() {
    await using disk = await SmallDisk.mount(1);
    const path = `${disk.path}/jobs.db`;
    await disk.fill();
    const full = await rejection(SqliteStore.open(path));
    assert.ok(full instanceof JobWorkerError && full.code === "unavailable", "It may pass");
    assert.match(String(full), /Cannot open the database ".*full/);
    await disk.free();
    await (await SqliteStore.open(path))[Symbol.asyncDispose]();
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(disk.path))).length,
      1,
      "No draft is left",
    );
    await disk.remountReadOnly();
    assert.match(await refusal(path), /check the file and its directory/);
  },
});

/** The first schema, as databases have it that were made then. */
const SCHEMA_1 = `
  CREATE TABLE jobs (
    job_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    request_id TEXT,
    started_at INTEGER NOT NULL,
    birth TEXT,
    record TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX jobs_by_owner ON jobs (owner, job_id);
  CREATE INDEX jobs_by_status ON jobs (status, job_id);
  CREATE UNIQUE INDEX jobs_by_request ON jobs (owner, request_id) WHERE request_id IS NOT NULL;
  CREATE TABLE labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
    PRIMARY KEY (name, value, job_id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX labels_by_job ON labels (job_id);
  PRAGMA user_version = 1;
`;

Deno.test("SqliteStore.open() takes over a database of schema 1, with what retention goes by", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  const running = job({ jobId: "a" });
  const ended = job({ jobId: "b", logBytes: 2 ** 40, end: DONE });
  {
    using old = new DatabaseSync(path);
    old.exec(SCHEMA_1);
    const put = old.prepare("INSERT INTO jobs VALUES (?, 'alice', ?, NULL, 1000, 'boot:1', ?)");
    put.run("a", "running", JSON.stringify(running));
    put.run("b", "done", JSON.stringify(ended));
  }
  await using store = await SqliteStore.open(path);
  assert.deepEqual(await store.list({}, { limit: 9 }), [ended, running]);
  const { finishedAt } = DONE;
  const finished = () => store.finished({}, { limit: 9, after: "" });
  assert.deepEqual(await finished(), [
    { jobId: "b", owner: "alice", finishedAt, bytes: 2 ** 40 },
  ]);
  await store.put({ ...running, end: DONE });
  assert.equal((await finished()).length, 2);
});

/** What the second schema has beyond the first. */
const SCHEMA_2 = `${SCHEMA_1}
  ALTER TABLE jobs ADD COLUMN finished_at INTEGER;
  ALTER TABLE jobs ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX jobs_finished ON jobs (job_id, owner, finished_at, log_bytes)
    WHERE finished_at IS NOT NULL;
  PRAGMA user_version = 2;
`;

Deno.test("SqliteStore.open() takes over a database of schema 2, and finds jobs by their start", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  const noon = Date.UTC(2026, 10, 28, 12);
  const jobs = Array.from({ length: 50 }, (_, hour) => {
    const startedAt = noon + hour * 3_600_000;
    return job({ jobId: v7({ msecs: startedAt - 2 }), startedAt, logBytes: hour, end: DONE });
  });
  {
    using old = new DatabaseSync(path);
    old.exec(SCHEMA_2);
    const put = old.prepare("INSERT INTO jobs VALUES (?, 'alice', 'done', NULL, ?, NULL, ?, 9, ?)");
    for (const job of jobs) put.run(job.jobId, job.startedAt, JSON.stringify(job), job.logBytes);
  }
  await using store = await SqliteStore.open(path);
  const span = { startedAfter: noon + 3_600_000, startedBefore: noon + 3 * 3_600_000 };
  assert.deepEqual(await store.list(span, { limit: 9 }), [jobs[2], jobs[1]]);
  assert.deepEqual(
    await store.list({ ...span, owner: "alice" }, { limit: 9 }),
    [jobs[2], jobs[1]],
  );
  const [newest] = await store.finished({ owner: "alice" }, {
    limit: 1,
    after: jobs[48]?.jobId ?? "",
  });
  assert.deepEqual(newest, { jobId: jobs[49]?.jobId, owner: "alice", finishedAt: 9, bytes: 49 });
});

Deno.test("migrate() leads from every schema to the newest, all or nothing", () => {
  using database = new DatabaseSync(":memory:");
  assert.equal(schemaVersion(database), 0);
  migrate(database);
  assert.equal(schemaVersion(database), JOB_SCHEMA.length);
  const schema = () => database.prepare("SELECT sql FROM sqlite_schema ORDER BY name").all();
  const before = schema();
  assert.ok(before.length > 0);
  migrate(database);
  assert.deepEqual(schema(), before, "Nothing is done twice");

  using taken = new DatabaseSync(":memory:");
  taken.exec("CREATE TABLE labels (a)");
  assert.throws(() => migrate(taken), /labels already exists/);
  assert.equal(schemaVersion(taken), 0);
  const tables = taken.prepare("SELECT name FROM sqlite_schema").all().map(({ name }) => name);
  assert.deepEqual(tables, ["labels"]);
});

Deno.test("openError() tells what may pass from what lasts until somebody does something", () => {
  const codes = {
    "database is locked": "unavailable",
    "database or disk is full": "unavailable",
    // The draft of a new database may find no room.
    "No space left on device (os error 28)": "unavailable",
    "Permission denied (os error 13)": "failed_precondition",
    "unable to open database file": "failed_precondition",
    "file is not a database": "failed_precondition",
  };
  for (const [why, code] of Object.entries(codes)) {
    assert.equal(openError("jobs.db", new Error(why)).code, code, why);
  }
});
