/** A hub and its hosts are not upgraded at the same moment. */

import type { HostChangesPage } from "../../lib/fleet/host_changes.ts";
import type { Job } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { context } from "../engine/fixture.ts";
import { callWhole, WHOLE_ANSWERS, WHOLE_JOB, WHOLE_REQUESTS } from "../service/samples.ts";
import { TestFleet } from "./fixture.ts";

/** As a host tells of a job that does not know yet that jobs have names, nor that they may wait. */
const { name: _name, queue: _queue, queuedAt: _queuedAt, ...older } = WHOLE_JOB;
const READ: Job = { ...older, name: "", queue: null, queuedAt: null };
const OLDER = older as unknown as Job;

Deno.test("A job of an older host has what all jobs had then", async () => {
  const page: HostChangesPage = {
    ...{ epoch: "1", revision: 1, isAnew: false, hasMore: false, removed: [] },
    jobs: [OLDER],
    facts: { version: "", running: 0, queued: 0, load: 0 },
  };
  const answer = () => Promise.resolve(OLDER);
  const [batch] = WHOLE_ANSWERS.streamLogs;
  await using fleet = new TestFleet({
    ...{ getJob: answer, stopJob: answer, waitJob: answer, signalJob: answer, updateJob: answer },
    pruneJobs: () => Promise.resolve({ ...WHOLE_ANSWERS.pruneJobs, jobs: [OLDER] }),
    async *streamLogs() {
      yield await Promise.resolve({ ...batch, finishedJob: OLDER });
    },
  }, { placeJob: answer, changes: () => Promise.resolve(page) });
  for (const method of ["getJob", "stopJob", "waitJob", "signalJob", "updateJob"] as const) {
    assert.deepEqual(await callWhole(fleet.client, method, context()), READ, method);
  }
  const { startJob: start, pruneJobs: prune } = WHOLE_REQUESTS;
  const placed = await fleet.client.placeJob({ jobId: READ.jobId, start }, context());
  assert.deepEqual(placed, READ);
  assert.deepEqual((await fleet.client.pruneJobs(prune, context())).jobs, [READ]);
  const since = { epoch: "1", revision: 0, atOnce: true };
  assert.deepEqual((await fleet.client.changes(since, context())).jobs, [READ]);
  const batches = await Array.fromAsync(
    fleet.client.streamLogs(WHOLE_REQUESTS.streamLogs, context()),
  );
  assert.deepEqual(batches.map(({ finishedJob }) => finishedJob), [READ]);
});
