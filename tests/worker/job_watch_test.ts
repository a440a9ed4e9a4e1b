import { JobWorkerError } from "../../lib/errors.ts";
import { JobWatch } from "../../lib/job/job_watch.ts";
import type { Job, JobFilter } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { rejection } from "./fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";

/** A watch of jobs that are as they were told last, or gone. */
class TestWatch {
  readonly jobs = new Map<string, Job>();
  readonly watch: JobWatch;
  read: (jobId: string) => Promise<Job | undefined> = (jobId) =>
    Promise.resolve(this.jobs.get(jobId));

  constructor(filter: JobFilter = {}) {
    this.watch = new JobWatch(filter, (jobId) => this.read(jobId));
  }

  tell(job: Job): void {
    this.jobs.set(job.jobId, job);
    this.watch.tell(job);
  }

  changes(signal: AbortSignal = new AbortController().signal): ReturnType<JobWatch["changes"]> {
    return this.watch.changes(signal);
  }
}

Deno.test("JobWatch.changes() waits for a change, and misses none", async () => {
  const watch = new TestWatch();
  const changes = watch.changes();
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
  const watch = new TestWatch();
  const changes = watch.changes();
  watch.tell(job({ jobId: "a" }));
  watch.tell(job({ jobId: "b" }));
  watch.tell(job({ jobId: "a", end: DONE }));
  assert.deepEqual((await changes.next()).value, job({ jobId: "a", end: DONE }));
  assert.equal((await changes.next()).value.jobId, "b");
});

Deno.test("JobWatch.changes() leaves out what the filter does not match", async () => {
  const watch = new TestWatch({ owner: "bob", statuses: ["done"] });
  const changes = watch.changes();
  watch.tell(job({ jobId: "a", end: DONE }));
  watch.tell(job({ jobId: "b", owner: "bob" }));
  watch.tell(job({ jobId: "c", owner: "bob", end: DONE }));
  assert.equal((await changes.next()).value.jobId, "c");
});

Deno.test("JobWatch.changes() tells once more of a job that the reader knows, and that no longer matches", async () => {
  const watch = new TestWatch({ statuses: ["running"] });
  // Two of the first page, of which one ends before the reader is told of it.
  watch.tell(job({ jobId: "a" }));
  watch.tell(job({ jobId: "b", end: DONE }));
  watch.watch.knows(job({ jobId: "b" }));
  watch.watch.knows(job({ jobId: "c" }));
  const changes = watch.changes();
  const told = async () => {
    const { value } = await changes.next();
    return [value.jobId, value.end?.status ?? value.liveStatus];
  };
  assert.deepEqual(await told(), ["a", "running"]);
  assert.deepEqual(await told(), ["b", "done"]);
  for (const jobId of ["a", "b", "c", "d"]) watch.tell(job({ jobId, end: DONE }));
  watch.tell(job({ jobId: "e" }));
  assert.deepEqual(await told(), ["a", "done"]);
  assert.deepEqual(await told(), ["c", "done"]);
  assert.deepEqual(await told(), ["e", "running"]);
});

Deno.test("JobWatch.changes() holds no job before its turn, and passes over what is gone", async () => {
  const watch = new TestWatch({ statuses: ["running"] });
  for (const jobId of ["a", "b", "c", "d"]) watch.tell(job({ jobId }));
  const read: string[] = [];
  watch.read = (jobId) => {
    read.push(jobId);
    return Promise.resolve(watch.jobs.get(jobId));
  };
  const changes = watch.changes();
  assert.equal((await changes.next()).value.jobId, "a");
  assert.deepEqual(read, ["a"]);
  watch.jobs.delete("b");
  // It no longer matches, and a reader that watches running jobs would take it for one.
  watch.tell(job({ jobId: "c", end: DONE }));
  assert.equal((await changes.next()).value.jobId, "d");
  assert.deepEqual(read, ["a", "b", "c", "d"]);
});

Deno.test("JobWatch.changes() ends with its signal, before and while it waits", async () => {
  const watch = new TestWatch();
  const reason = new Error("The client has left");
  assert.equal(await rejection(watch.changes(AbortSignal.abort(reason)).next()), reason);
  const controller = new AbortController();
  const waiting = watch.changes(controller.signal).next();
  controller.abort(reason);
  assert.equal(await rejection(waiting), reason);
});

Deno.test("JobWatch.changes() drops a reader that is more than 10000 jobs behind", async () => {
  const watch = new TestWatch();
  for (let count = 0; count < 10_001; count++) {
    // A job that has changed again does not count twice.
    watch.tell(job({ jobId: `${count % 10_000}` }));
  }
  const changes = watch.changes();
  assert.equal((await changes.next()).value.jobId, "0");
  for (const jobId of ["a", "b"]) watch.tell(job({ jobId }));
  const error = await rejection(changes.next());
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "resource_exhausted");
  assert.match(error.message, /10000/);
});
