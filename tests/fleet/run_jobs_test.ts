import { JobWorkerError } from "../../lib/errors.ts";
import { RunJobs, type RunJobsHub } from "../../lib/fleet/run_jobs.ts";
import { HOST_OFFLINE } from "../../lib/fleet/transport.ts";
import { silent } from "../../lib/fleet/unanswered.ts";
import type {
  LogBatch,
  RunEvent,
  RunJobsRequest,
  StartJobRequest,
  StreamLogsRequest,
} from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, TRUE } from "../service/fixture.ts";
import { soon } from "../soon.ts";

const COMMAND = { ...TRUE, args: ["x"] };

function target(host: string, jobId = "", offset = 0) {
  return { host, requestId: `id:${host}`, jobId, offset };
}

function requestFor(...hosts: readonly string[]): RunJobsRequest {
  return {
    command: COMMAND,
    labels: { a: "b" },
    queue: false,
    targets: hosts.map((host) => target(host)),
  };
}

/** A hub that starts jobs named after their hosts, and what it was asked. */
function fakeHub(methods: Partial<RunJobsHub["service"]> = {}) {
  const starts: StartJobRequest[] = [];
  const reads: StreamLogsRequest[] = [];
  const placed = new Set<string>();
  const runs = new RunJobs({
    service: {
      startJob: (request, context, early) => {
        starts.push(request);
        const made = job({ jobId: `job:${request.on?.host}`, command: request.command });
        return methods.startJob?.(request, context, early) ?? Promise.resolve(made);
      },
      streamLogs: (request, context) => {
        reads.push(request);
        return methods.streamLogs?.(request, context) ?? log(request.jobId);
      },
    },
    mayHaveStarted: (owner, requestId) => Promise.resolve(placed.has(`${owner} ${requestId}`)),
  });
  return { runs, starts, reads, placed };
}

function batch(text: string, nextOffset: number, finished = false): LogBatch {
  const data = new TextEncoder().encode(text);
  return {
    records: text === "" ? [] : [{ offset: 0, time: 0, stream: "stdout", data }],
    nextOffset,
    finishedJob: finished ? job({ jobId: "ended", command: COMMAND, end: DONE }) : null,
  };
}

async function* log(jobId: string): AsyncGenerator<LogBatch, void, undefined> {
  // The first batch of a log that is followed may be empty.
  yield batch("", 0);
  yield batch(jobId, jobId.length);
  yield batch("", jobId.length, true);
}

async function eventsOf(
  runs: RunJobs,
  request: RunJobsRequest,
  context = ADMIN,
): Promise<Map<string, RunEvent[]>> {
  const events = new Map<string, RunEvent[]>();
  for await (const { events: some } of runs.run(request, context)) {
    for (const event of some) events.set(event.host, [...events.get(event.host) ?? [], event]);
  }
  return events;
}

Deno.test("Each host is asked for the job as it was ordered, and tells its start, output and end", async () => {
  const { runs, starts, reads } = fakeHub();
  const events = await eventsOf(runs, requestFor("a", "b"));
  assert.deepEqual(
    starts,
    ["a", "b"].map((host) => ({
      command: COMMAND,
      labels: { a: "b" },
      queue: false,
      requestId: `id:${host}`,
      on: { host, labels: {} },
    })),
  );
  assert.deepEqual(reads.map(({ jobId, follow }) => [jobId, follow]), [
    ["job:a", true],
    ["job:b", true],
  ]);
  for (const host of ["a", "b"]) {
    const [started, printed, ended, ...more] = events.get(host) ?? [];
    assert.equal(started?.job?.jobId, `job:${host}`);
    assert.equal(new TextDecoder().decode(printed?.log?.records[0]?.data), `job:${host}`);
    assert.equal(ended?.log?.finishedJob?.end?.status, "done");
    assert.deepEqual(more, []);
    // A thousand copies of a long command would be in the way.
    assert.equal(started?.job?.command.name, "");
    assert.equal(ended?.log?.finishedJob?.command.name, "");
  }
});

Deno.test("A target whose job is known is not started again, and goes on where it was", async () => {
  const { runs, starts, reads } = fakeHub();
  const request = { ...requestFor(), targets: [target("a", "known", 42)] };
  const events = await eventsOf(runs, request);
  assert.deepEqual(starts, []);
  assert.deepEqual(reads.map(({ jobId, start }) => ({ jobId, start })), [
    { jobId: "known", start: { kind: "offset", offset: 42 } },
  ]);
  assert.equal(events.get("a")?.length, 2);
});

Deno.test("What goes wrong at a host is told of it, by what is known, and concerns no other", async () => {
  const errors: Record<string, JobWorkerError> = {
    refuses: new JobWorkerError("failed_precondition", "No such program"),
    full: new JobWorkerError("resource_exhausted", "1 of 1 hosts is full"),
    away: new JobWorkerError("unavailable", "It is offline", { reason: HOST_OFFLINE }),
    silent: silent("No answer"),
    vanished: new JobWorkerError("unavailable", "It is offline", { reason: HOST_OFFLINE }),
  };
  const { runs, placed } = fakeHub({
    startJob: ({ on, requestId }) => {
      const host = on?.host ?? "";
      // It went there, and nobody has said that nothing has come of it.
      if (host === "silent" || host === "vanished") {
        placed.add(`${ADMIN.caller.identity.user} ${requestId}`);
      }
      const error = errors[host];
      return error === undefined
        ? Promise.resolve(job({ jobId: `job:${host}` }))
        : Promise.reject(error);
    },
    streamLogs: (request) => request.jobId === "job:lost" ? broken() : log(request.jobId),
  });
  async function* broken(): AsyncGenerator<LogBatch> {
    yield batch("some", 4);
    throw new JobWorkerError("unavailable", "It does not answer any more");
  }
  const events = await eventsOf(runs, requestFor(...Object.keys(errors), "lost", "well"));
  const failures = [...events].map(([host, events]) => [host, events.at(-1)?.failure?.kind]);
  assert.deepEqual(Object.fromEntries(failures), {
    refuses: "refused",
    full: "refused",
    away: "offline",
    silent: "unanswered",
    vanished: "unanswered",
    lost: "unanswered",
    well: undefined,
  });
  assert.equal(events.get("refuses")?.[0]?.failure?.message, "No such program");
  assert.equal(events.get("lost")?.length, 3);
  assert.equal(events.get("well")?.length, 3);
});

Deno.test("A job that waits although it was not to is one that its host has not answered for", async () => {
  const queue = { position: 1, length: 1, reason: 'host "a" was given it, and has not answered' };
  const waiting = job({ jobId: "waits", liveStatus: "queued", startedAt: null, queue });
  const { runs, reads } = fakeHub({ startJob: () => Promise.resolve(waiting) });
  const [started, failed, ...more] = (await eventsOf(runs, requestFor("a"))).get("a") ?? [];
  assert.deepEqual([started?.job?.jobId, failed?.failure?.kind], ["waits", "unanswered"]);
  assert.match(failed?.failure?.message ?? "", /has not answered/);
  assert.deepEqual([more, reads], [[], []]);
  // Who lets it wait follows it through the queue.
  const patient = await eventsOf(runs, { ...requestFor("a"), queue: true });
  assert.equal(patient.get("a")?.at(-1)?.log?.finishedJob?.end?.status, "done");
});

Deno.test("A fault of ours ends the whole run, and everything that is waited for", async () => {
  let ended = 0;
  const { runs } = fakeHub({
    startJob: ({ on }, { signal }) =>
      on?.host === "a"
        ? Promise.reject(new TypeError("Bug"))
        : new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            ended++;
            reject(signal.reason);
          })
        ),
  });
  await assert.rejects(eventsOf(runs, requestFor("a", "b", "c")), TypeError);
  assert.equal(ended, 2);
});

Deno.test("A caller who leaves ends what is waited for", async () => {
  const leaving = new AbortController();
  const { promise: isWaiting, resolve } = Promise.withResolvers<void>();
  const { runs } = fakeHub({
    async *streamLogs(_request, { signal }) {
      yield batch("", 0);
      resolve();
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  const ended = eventsOf(runs, requestFor("a", "b"), { ...ADMIN, signal: leaving.signal });
  await isWaiting;
  const reason = new Error("gone");
  leaving.abort(reason);
  await assert.rejects(soon(ended, () => "the end of the run"), reason);
});

Deno.test("A reader that is slow has no host asked for more than it has taken", async () => {
  let asked = 0;
  const { runs } = fakeHub({
    async *streamLogs() {
      for (;;) yield batch("x", ++asked);
    },
  });
  const answers = runs.run(requestFor("a"), ADMIN)[Symbol.asyncIterator]();
  await answers.next();
  await answers.next();
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
  assert.equal(asked, 1);
  await answers.return?.();
});
