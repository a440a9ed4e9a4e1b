/** What a job prints at once comes with the answer to its start. */

import { JobWorkerError } from "../../lib/errors.ts";
import { RunJobs } from "../../lib/fleet/run_jobs.ts";
import type { JobService, LogBatch } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { context } from "../engine/fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, TRUE } from "../service/fixture.ts";
import { WHOLE_REQUESTS, WHOLE_RUNNING_JOB } from "../service/samples.ts";
import { TestFleet } from "./fixture.ts";

const RUNNING = WHOLE_RUNNING_JOB;
const REQUEST = { jobId: RUNNING.jobId, start: WHOLE_REQUESTS.startJob };

function batch(text: string, nextOffset: number, hasEnded = false): LogBatch {
  const data = new TextEncoder().encode(text);
  return {
    records: text === "" ? [] : [{ offset: nextOffset - 1, time: 1, stream: "stdout", data }],
    nextOffset,
    finishedJob: hasEnded ? { ...RUNNING, end: DONE } : null,
  };
}

function fleetWith(streamLogs: JobService["streamLogs"]): TestFleet {
  return new TestFleet({ streamLogs }, { placeJob: () => Promise.resolve(RUNNING) });
}

/** Starts the job, and returns the texts that came with the answer, and whether the end did. */
async function early(fleet: TestFleet) {
  const taken: LogBatch[] = [];
  const take = (batch: LogBatch) => void taken.push(batch);
  const placed = await fleet.client.placeJob(REQUEST, {
    ...context(),
    early: { batchBytes: 1_000, take },
  });
  assert.deepEqual(placed, RUNNING);
  const texts = taken.flatMap(({ records }) => records.map(({ data }) => textOf(data)));
  return { texts, hasEnded: taken.some(({ finishedJob }) => finishedJob !== null) };
}

function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

Deno.test("The output and the end of a short job come with the answer to its start", async () => {
  await using fleet = fleetWith(async function* ({ jobId, start, batchBytes }) {
    assert.deepEqual({ jobId, start, batchBytes }, {
      jobId: RUNNING.jobId,
      start: { kind: "offset", offset: 0 },
      batchBytes: 1_000,
    });
    yield batch("", 0);
    await Promise.resolve();
    yield batch("a", 1);
    yield batch("b", 2, true);
  });
  assert.deepEqual(await early(fleet), { texts: ["a", "b"], hasEnded: true });
  assert.ok(fleet.carried.every(({ method }) => method === "placeJob"));
});

Deno.test("The answer to a start does not wait for a job that lasts", async () => {
  let hasLeft = false;
  await using fleet = fleetWith(async function* (_, { signal }) {
    yield batch("a", 1);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    hasLeft = true;
  });
  assert.deepEqual(await early(fleet), { texts: ["a"], hasEnded: false });
  await fleet[Symbol.asyncDispose]();
  assert.ok(hasLeft);
});

Deno.test("A start is answered whatever is wrong with the log", async () => {
  await using fleet = fleetWith(async function* () {
    yield await Promise.resolve(batch("a", 1));
    throw new JobWorkerError("out_of_range", "No such offset");
  });
  assert.deepEqual(await early(fleet), { texts: ["a"], hasEnded: false });
});

Deno.test("No log is read for a start that nobody follows", async () => {
  await using fleet = fleetWith(() => assert.fail("It is not asked for"));
  assert.deepEqual(await fleet.client.placeJob(REQUEST, context()), RUNNING);
});

Deno.test("A run asks only for what has not come with the start", async () => {
  const offsets: unknown[] = [];
  const started = job({ jobId: "a", command: TRUE });
  const runs = new RunJobs({
    service: {
      startJob(_request, _context, { take }) {
        take(batch("", 0));
        take(batch("a", 1));
        return Promise.resolve(started);
      },
      async *streamLogs({ start }) {
        offsets.push(start);
        yield await Promise.resolve(batch("", 1));
        yield batch("b", 2, true);
      },
    },
    mayHaveStarted: () => Promise.resolve(false),
  });
  const target = { host: "web-1", requestId: "1", jobId: "", offset: 0 };
  const answers = await Array.fromAsync(
    runs.run({ command: TRUE, labels: {}, targets: [target] }, ADMIN),
  );
  const events = answers.flatMap(({ events }) => events);
  assert.deepEqual(
    events.map(({ job, log }) => job?.jobId ?? log?.records.map(({ data }) => textOf(data))),
    ["a", ["a"], ["b"]],
  );
  assert.equal(events.at(-1)?.log?.finishedJob?.host, "web-1");
  assert.deepEqual(offsets, [{ kind: "offset", offset: 1 }]);
});
