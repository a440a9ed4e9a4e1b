import { JobWorkerError } from "../../lib/errors.ts";
import { JobWatch } from "../../lib/worker/job_watch.ts";
import { assert } from "../assert.ts";
import { rejection } from "./fixture.ts";
import { DONE, job } from "./job_fixture.ts";

Deno.test("JobWatch.changes() waits for a change, and misses none", async () => {
  const watch = new JobWatch({});
  const changes = watch.changes(new AbortController().signal);
  const first = changes.next();
  watch.tell(job({ jobId: "a" }));
  assert.equal((await first).value.jobId, "a");
  watch.tell(job({ jobId: "b" }));
  watch.tell(job({ jobId: "c" }));
  assert.equal((await changes.next()).value.jobId, "b");
  watch.tell(job({ jobId: "d" }));
  assert.equal((await changes.next()).value.jobId, "c");
  assert.equal((await changes.next()).value.jobId, "d");
});

Deno.test("JobWatch.changes() shows a slow reader the last state of a job only", async () => {
  const watch = new JobWatch({});
  const changes = watch.changes(new AbortController().signal);
  watch.tell(job({ jobId: "a" }));
  watch.tell(job({ jobId: "b" }));
  watch.tell(job({ jobId: "a", end: DONE }));
  assert.deepEqual((await changes.next()).value, job({ jobId: "a", end: DONE }));
  assert.equal((await changes.next()).value.jobId, "b");
});

Deno.test("JobWatch.changes() leaves out what the filter does not match", async () => {
  const watch = new JobWatch({ owner: "bob", statuses: ["done"] });
  const changes = watch.changes(new AbortController().signal);
  watch.tell(job({ jobId: "a", end: DONE }));
  watch.tell(job({ jobId: "b", owner: "bob" }));
  watch.tell(job({ jobId: "c", owner: "bob", end: DONE }));
  assert.equal((await changes.next()).value.jobId, "c");
});

Deno.test("JobWatch.changes() ends by its signal, before and while it waits", async () => {
  const watch = new JobWatch({});
  const reason = new Error("The client has left");
  assert.equal(await rejection(watch.changes(AbortSignal.abort(reason)).next()), reason);
  const controller = new AbortController();
  const waiting = watch.changes(controller.signal).next();
  controller.abort(reason);
  assert.equal(await rejection(waiting), reason);
});

Deno.test("JobWatch.changes() lets a reader go that is 10000 jobs behind", async () => {
  const watch = new JobWatch({});
  for (let count = 0; count < 10_000; count++) watch.tell(job({ jobId: `${count}` }));
  const changes = watch.changes(new AbortController().signal);
  assert.equal((await changes.next()).value.jobId, "0");
  for (let count = 0; count < 10_001; count++) watch.tell(job({ jobId: `again ${count}` }));
  const rest = Array.fromAsync(changes);
  const error = await rejection(rest);
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "resource_exhausted");
  assert.match(error.message, /10000/);
});
