import { JobWorkerError } from "../../lib/errors.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { assert } from "../assert.ts";
import { NO_SMALL_DISK, SmallDisk } from "../small_disk.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";

async function isRefused(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  assert.ok(error instanceof JobWorkerError, String(error));
  assert.equal(error.code, "unavailable");
  return error.message;
}

Deno.test("SqliteStore belongs to its owner alone, and lies in one directory", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  await store.put(job({ jobId: "a" }));
  const names: string[] = [];
  for await (const { name } of Deno.readDir(directory.path)) {
    names.push(name);
    const { mode } = await Deno.stat(`${directory.path}/${name}`);
    assert.equal((mode ?? 0) & 0o777, 0o600, name);
  }
  assert.deepEqual(names.sort(), ["jobs.db", "jobs.db-wal"]);
});

Deno.test("SqliteStore finds again what it was told, even after a crash", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  const script = `
    import { SqliteStore } from "${import.meta.resolve("../../lib/store/sqlite_store.ts")}";
    import { job } from "${import.meta.resolve("../executor/job_fixture.ts")}";
    const store = await SqliteStore.open(Deno.args[0]);
    await store.put(job({ jobId: "a", labels: { l: "1" } }), "boot:1");
    void store.put(job({ jobId: "b" }));
    Deno.kill(Deno.pid, "SIGKILL");
  `;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `--config=${config}`,
      `data:text/typescript,${encodeURIComponent(script)}`,
      path,
    ],
  }).output();
  assert.equal(signal, "SIGKILL", new TextDecoder().decode(stderr));
  for (let opened = 0; opened < 2; opened++) {
    await using store = await SqliteStore.open(path);
    assert.deepEqual(await store.unfinished(), [
      { job: { jobId: "a", pid: 4_242, containment: "process_group" }, processIdentity: "boot:1" },
    ]);
    const found = await store.list({ labels: { l: "1" } }, { limit: 9 });
    assert.deepEqual(found, [job({ jobId: "a", labels: { l: "1" } })]);
  }
});

Deno.test("SqliteStore commits the changes of a turn together, all or none", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  await store.put(job({ jobId: "a", requestId: "taken" }));
  const { size: before } = await Deno.stat(`${directory.path}/jobs.db-wal`);
  const puts = Array.from({ length: 100 }, (_, index) => store.put(job({ jobId: `b${index}` })));
  await Promise.all(puts);
  const { size: after } = await Deno.stat(`${directory.path}/jobs.db-wal`);
  // A commit writes each page that it changes once. One by one they would take 200 pages and more.
  assert.ok(after - before < 50 * 4096, `${after - before} bytes`);

  // The last one is impossible: two jobs of one request.
  const batch = [
    store.put(job({ jobId: "c" })),
    store.delete("a"),
    store.put(job({ jobId: "d", requestId: "r" })),
    store.put(job({ jobId: "e", requestId: "r" })),
  ];
  const messages = await Promise.all(batch.map(isRefused));
  for (const message of messages) assert.match(message, /^Cannot record jobs: UNIQUE/);
  assert.deepEqual(
    await Promise.all(["a", "c", "d"].map(async (id) => (await store.get(id))?.jobId)),
    [
      "a",
      undefined,
      undefined,
    ],
  );
  await store.put(job({ jobId: "c" }));
  assert.equal((await store.get("c"))?.jobId, "c");
});

Deno.test("SqliteStore records nothing in a file that is not there any more, and reads on", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  await using store = await SqliteStore.open(path);
  await store.put(job({ jobId: "a" }));
  const why =
    `Cannot record jobs: the database "${path}" was removed or replaced while it is in use`;
  await Deno.rename(path, `${path}.away`);
  assert.ok((await isRefused(store.put(job({ jobId: "b" })))).startsWith(why));
  await Deno.writeTextFile(path, "");
  assert.ok((await isRefused(store.put(job({ jobId: "b" })))).startsWith(why));
  assert.equal((await store.get("a"))?.jobId, "a");
  assert.equal(await store.get("b"), undefined);
  await Deno.rename(`${path}.away`, path);
  await store.put(job({ jobId: "b" }));
  assert.equal((await store.get("b"))?.jobId, "b");
});

Deno.test("SqliteStore writes what it was told before it closes", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  const store = await SqliteStore.open(path);
  const put = store.put(job({ jobId: "a", end: DONE }));
  await store[Symbol.asyncDispose]();
  await put;
  await using again = await SqliteStore.open(path);
  assert.equal((await again.get("a"))?.end?.status, "done");
});

Deno.test({
  name:
    `SqliteStore says so while the disk is full, and goes on when there is room${NO_SMALL_DISK}`,
  ignore: NO_SMALL_DISK !== "",
  async fn() {
    await using disk = await SmallDisk.mount(2);
    const path = `${disk.path}/jobs.db`;
    {
      await using store = await SqliteStore.open(path);
      await store.put(job({ jobId: "a" }), "boot:1");
      await disk.fill();
      const large = { A: "x".repeat(100_000) };
      const command = { name: "true", args: [], env: large, workingDirectory: "/" };
      const message = await isRefused(store.put(job({ jobId: "b", command })));
      assert.match(message, /^Cannot record jobs: database or disk is full/);
      // What is there is still read.
      assert.equal((await store.get("a"))?.jobId, "a");
      assert.equal(await store.get("b"), undefined);
      await disk.free();
      await store.put(job({ jobId: "c" }));
    }
    await using store = await SqliteStore.open(path);
    assert.deepEqual((await store.list({}, { limit: 9 })).map(({ jobId }) => jobId), ["c", "a"]);
  },
});

Deno.test("SqliteStore reads one job without committing what is told of others", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  const old = job({ jobId: "old", requestId: "r" });
  await store.put(old);
  let committed = 0;
  const changes = [job({ jobId: "a", requestId: "s" }), job({ jobId: "b", owner: "other" })]
    .map((job) => store.put(job).then(() => committed++));
  assert.deepEqual(await store.get("old"), old);
  assert.deepEqual(await store.findByRequest(old.owner, "r"), old);
  assert.equal(committed, 0, "They still share a commit with what follows in the turn");
  assert.equal((await store.findByRequest(old.owner, "s"))?.jobId, "a", "It sees what it asks for");
  await Promise.all(changes);
  const deleted = store.delete("a");
  assert.equal(await store.findByRequest(old.owner, "s"), undefined);
  await deleted;
  const changed = store.put(job({ jobId: "old", requestId: "r", pid: 7 }));
  assert.equal((await store.get("old"))?.pid, 7);
  await changed;
});

Deno.test("SqliteStore writes no index when a job gets its process, and finds it all the same", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  await using store = await SqliteStore.open(path);
  const walBytes = async () => (await Deno.stat(`${path}-wal`)).size;
  const started = job({ jobId: "a", pid: 0, labels: { l: "1" } });
  await store.put(started);
  const before = await walBytes();
  await store.put({ ...started, pid: 7 }, "boot:1");
  assert.equal(await walBytes() - before, 24 + 4096, "A frame of one page");
  assert.deepEqual((await store.unfinished()).map(({ processIdentity }) => processIdentity), [
    "boot:1",
  ]);
  const ended = { ...started, pid: 7, logBytes: 9, end: DONE };
  await store.put(ended);
  assert.deepEqual(await store.unfinished(), []);
  assert.deepEqual(await store.list({ statuses: ["running"] }, { limit: 9 }), []);
  assert.deepEqual(await store.list({ statuses: ["done"], labels: { l: "1" } }, { limit: 9 }), [
    ended,
  ]);
  assert.deepEqual(await store.finished({}, { after: "", limit: 9 }), [
    { jobId: "a", owner: ended.owner, finishedAt: DONE.finishedAt, bytes: 9 },
  ]);
});
