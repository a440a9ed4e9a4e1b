import { JobView } from "../../lib/cli/job_view.ts";
import type { Job, JobFilter } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import { DONE, jobOf, STARTED_AT } from "./fake_daemon.ts";

/** A job whose id says when it started. */
function jobAt(second: number, changes: Partial<Job> = {}): Job {
  const jobId = `0199a1b2-c3d4-7e5f-8a9b-${String(second).padStart(12, "0")}`;
  return jobOf({ jobId, startedAt: STARTED_AT + second * 1_000, ...changes });
}

/** A view of the newest two, whose first page has these seconds. */
function viewOf(seconds: readonly number[], hasMore: boolean, filter: JobFilter = {}): JobView {
  const jobs = seconds.map((second) => jobAt(second));
  return new JobView({ jobs, hasMore }, { filter, limit: 2 });
}

const secondsOf = (view: JobView) => view.newest().map(({ jobId }) => Number(jobId.slice(-12)));

Deno.test("JobView shows the newest jobs that match, whatever the order of their changes", () => {
  const view = viewOf([4, 3], true, { owner: "alice" });
  assert.deepEqual(secondsOf(view), [4, 3]);
  for (const second of [7, 6, 2]) view.take(jobAt(second));
  view.take(jobAt(9, { owner: "bob" }));
  assert.deepEqual(secondsOf(view), [7, 6]);
  view.take(jobAt(6, { end: DONE }));
  assert.deepEqual(view.newest().map(({ end }) => end), [null, DONE]);
});

Deno.test("JobView watches no job that is older than those it shows", () => {
  assert.deepEqual(viewOf([4, 3], true).changes, { startedAfter: STARTED_AT + 3_000 });
  const later = { startedAfter: STARTED_AT + 3_500 };
  assert.deepEqual(viewOf([4, 3], true, later).changes, later);
  assert.deepEqual(viewOf([4, 3], false, { owner: "bob" }).changes, { owner: "bob" });
  assert.equal(viewOf([4, 3], true).hasOlder, true);
  const view = viewOf([4, 3], false);
  assert.equal(view.hasOlder, false);
  view.take(jobAt(5));
  assert.equal(view.hasOlder, true);
});

Deno.test("JobView of running jobs has an older one for each that ends", () => {
  const filter: JobFilter = { statuses: ["running"] };
  const view = viewOf([4, 3], true, filter);
  // The watch tells of all that run: they are few.
  assert.deepEqual(view.changes, filter);
  for (const second of [4, 3, 2]) view.take(jobAt(second));
  assert.deepEqual([secondsOf(view), view.hasOlder], [[4, 3], true]);
  view.take(jobAt(3, { end: DONE }));
  assert.deepEqual([secondsOf(view), view.hasOlder], [[4, 2], false]);
});
