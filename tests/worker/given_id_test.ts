/** Jobs whose ids somebody else has given, as the hub of a fleet does. */

import { v7 } from "uuid";
import { JOB_REMOVED } from "../../lib/errors.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { assert } from "../assert.ts";
import { job } from "../executor/job_fixture.ts";
import { temporaryDirectory, TestWorker } from "./fixture.ts";

/** Appends a line to a file each time that it runs. */
function runsInto(path: string) {
  return { name: "sh", args: ["-c", 'echo ran >> "$0"', path] };
}

Deno.test("Worker.start() runs a job under a given id once, however often and at once it is asked to", async () => {
  await using directory = await temporaryDirectory();
  await using test = await TestWorker.open();
  const [jobId, path] = [v7(), `${directory.path}/runs`];
  const starts = Array.from({ length: 4 }, () => test.start(runsInto(path), { jobId }));
  const ids = (await Promise.all(starts)).map((job) => job.jobId);
  assert.deepEqual(ids, [jobId, jobId, jobId, jobId]);
  await test.worker.wait(jobId);
  const { end } = await test.start(runsInto(path), { jobId, requestId: "another" });
  assert.equal(end?.status, "done");
  assert.equal(await Deno.readTextFile(path), "ran\n");
  await assert.rejects(test.start({ name: "true" }, { jobId, owner: "bob" }), {
    code: "already_exists",
  });
});

Deno.test("Worker.start() does not run a given id again whose record has been removed", async () => {
  await using directory = await temporaryDirectory();
  await using store = await SqliteStore.open(`${directory.path}/jobs.db`, { notesChanges: true });
  await using test = await TestWorker.open({ store });
  const jobId = v7();
  await test.start({ name: "true" }, { jobId });
  await test.worker.wait(jobId);
  const pruned = await test.worker.prune({ retention: { maxCount: 0 }, dryRun: false });
  assert.equal(pruned.count, 1);
  await assert.rejects(test.start({ name: "true" }, { jobId }), {
    code: "failed_precondition",
    reason: JOB_REMOVED,
  });
  assert.equal((await test.start({ name: "true" }, { jobId: v7() })).end, null);
  // Unless nothing of it has run.
  const again = v7();
  await assert.rejects(test.start({ name: "/no/such" }, { jobId: again }), { reason: "ENOENT" });
  assert.equal((await test.start({ name: "true" }, { jobId: again })).jobId, again);
  const undone = v7();
  await store.put(job({ jobId: undone }));
  await store.delete(undone, { neverRan: true });
  assert.equal((await test.start({ name: "true" }, { jobId: undone })).jobId, undone);
});
