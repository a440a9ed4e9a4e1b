/** Names of jobs, as a worker keeps them apart. */

import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { statusOf } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { rejection, temporaryDirectory, TestWorker } from "./fixture.ts";

const SLEEP = { name: "sleep", args: ["1000"] };
const NIGHTLY = { name: "nightly" };
const TAKEN = { code: "already_exists", field: "name" };

Deno.test("Of starts at once with one name, one gets it, and it is free when that has ended", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
  await using test = await TestWorker.open({ store });
  const { worker } = test;
  const starts = await Promise.allSettled(
    Array.from({ length: 8 }, () => test.start(SLEEP, NIGHTLY)),
  );
  const started = starts.filter((start) => start.status === "fulfilled");
  assert.equal(started.length, 1);
  const first = started[0]?.value;
  assert.equal(first?.name, "nightly");
  for (const start of starts) {
    if (start.status !== "rejected") continue;
    assert.deepEqual([start.reason.code, start.reason.field], ["already_exists", "name"]);
  }
  // Nothing is left of the others.
  assert.deepEqual((await worker.list({}, { limit: 9 })).map(({ jobId }) => jobId), [first?.jobId]);
  await assert.rejects(test.start(SLEEP, NIGHTLY), {
    ...TAKEN,
    message:
      `Cannot call the job "nightly": job "${first?.jobId}" has that name, and is running; ` +
      "stop it, wait until it has ended, or choose another name",
  });
  const bobs = await test.start(SLEEP, { ...NIGHTLY, owner: "bob" });
  assert.equal(bobs.name, "nightly");
  await worker.stop(first?.jobId ?? "");
  const second = await test.start(SLEEP, NIGHTLY);
  const found = await worker.list({ owner: "alice", name: "nightly" }, { limit: 9 });
  assert.deepEqual(found.map(({ jobId }) => jobId), [second.jobId, first?.jobId]);
});

Deno.test("A job in the queue has its name already, and keeps it when its turn comes", async () => {
  await using test = await TestWorker.open({ maxRunning: 1 });
  const first = await test.start(SLEEP);
  const queue = { ...NIGHTLY, queue: true };
  let confirmed = 0;
  const queued = await test.start(SLEEP, queue);
  assert.deepEqual([statusOf(queued), queued.name], ["queued", "nightly"]);
  const confirm = () => Promise.resolve(void confirmed++);
  await assert.rejects(test.start(SLEEP, { ...queue, confirm }), {
    ...TAKEN,
    message: /is queued/,
  });
  // It was refused before anybody was told of it.
  assert.equal(confirmed, 0);
  await test.worker.stop(first.jobId);
  const watching = test.worker.watch(
    { jobIdPrefix: queued.jobId, statuses: ["running"] },
    AbortSignal.timeout(30_000),
  );
  const { value: running } = await watching.next();
  await watching.return(undefined as never);
  assert.equal(running?.name, "nightly");
  await assert.rejects(test.start(SLEEP, queue), TAKEN);
});

Deno.test("A start that is repeated is the same job, not another one of its name", async () => {
  await using test = await TestWorker.open();
  const request = { ...NIGHTLY, requestId: "once" };
  const jobs = await Promise.all(Array.from({ length: 4 }, () => test.start(SLEEP, request)));
  assert.equal(new Set(jobs.map(({ jobId }) => jobId)).size, 1);
  await assert.rejects(test.start(SLEEP, { ...request, requestId: "twice" }), TAKEN);
});

Deno.test("A start that fails does not use its name up", async () => {
  await using test = await TestWorker.open();
  await rejection(test.start({ name: "no-such-program" }, NIGHTLY));
  await assert.rejects(test.start(SLEEP, { name: "cafe" }), {
    code: "invalid_argument",
    field: "name",
  });
  assert.equal((await test.start(SLEEP, NIGHTLY)).name, "nightly");
});
