import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import type { Job } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const JOB_ID = "01990000-0000-7000-8000-000000000001";
const OWN = "https://own.example/x";
const running = job({ jobId: JOB_ID, notify: { url: OWN, state: "pending" } });
const ended: Job = { ...running, end: DONE };

/** What is due in the end, as pairs of a URL and how often it was tried. */
function dueIn({ outbox }: SqliteStore): [string, number][] {
  return outbox.hosts().flatMap((host) =>
    outbox.due(host, Infinity, { limit: 99 }).map((
      { url, attempts },
    ): [string, number] => [url, attempts])
  );
}

Deno.test("Outbox notes with the end of a job who is to be told, each once", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/jobs.db`;
  const asked: string[] = [];
  const hooksOf = ({ jobId }: Job) => {
    asked.push(jobId);
    return ["https://all.example/", OWN];
  };
  {
    await using store = await SqliteStore.open(path, { hooksOf });
    await store.put(running, "birth");
    assert.deepEqual([dueIn(store), asked], [[], []]);
    await store.put(ended);
    assert.deepEqual(asked, [JOB_ID]);
  }
  // Nothing but the file is left.
  await using store = await SqliteStore.open(path, { hooksOf });
  assert.deepEqual(dueIn(store).sort(), [["https://all.example/", 0], [OWN, 0]]);
  const [first] = store.outbox.due("own.example", DONE.finishedAt, { limit: 9 });
  assert.deepEqual(first?.job, ended);
  assert.deepEqual(store.outbox.due("own.example", DONE.finishedAt - 1, { limit: 9 }), []);
});

Deno.test("Outbox keeps what is tried again, and says in the job what came of its own webhook", async () => {
  await using directory = await temporaryDirectory();
  const hook = "https://all.example/";
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`, {
    hooksOf: () => [hook],
  });
  await store.put(ended);
  const state = async () => (await store.get(JOB_ID))?.notify?.state;
  await store.settle({ jobId: JOB_ID, url: OWN, result: { retryAt: 5_000 } });
  assert.deepEqual(dueIn(store).sort(), [[hook, 0], [OWN, 1]]);
  assert.deepEqual(store.outbox.due("own.example", 4_999, { limit: 9 }), []);
  assert.equal(store.outbox.nextDue("own.example", 4_999), 5_000);
  assert.equal(store.outbox.nextDue("own.example", 5_000), null);
  assert.equal(await state(), "pending");
  await store.settle({ jobId: JOB_ID, url: hook, result: "failed" });
  assert.equal(await state(), "pending");
  await store.settle({ jobId: JOB_ID, url: OWN, result: "delivered" });
  assert.equal(await state(), "delivered");
  assert.deepEqual(dueIn(store), []);
});

Deno.test("Outbox forgets a job with its record", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  await store.put(ended);
  await store.delete(JOB_ID);
  assert.deepEqual(dueIn(store), []);
  await store.settle({ jobId: JOB_ID, url: OWN, result: "delivered" });
  assert.equal(await store.get(JOB_ID), undefined);
});

Deno.test("Outbox wakes who waits for what is new, and nobody for other jobs", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  let woken = 0;
  void store.outbox.next().then(() => woken++);
  await store.put(running, "birth");
  await store.put(job({ jobId: JOB_ID.replace(/1$/, "2"), end: DONE }));
  assert.equal(woken, 0);
  const next = store.outbox.next();
  await store.put(ended);
  await next;
  assert.equal(woken, 1);
});
