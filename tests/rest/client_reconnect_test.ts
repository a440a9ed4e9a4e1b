/** What the client of REST does when the daemon goes away in the middle. */

import { RestClient, type RestClientOptions } from "../../lib/rest/client.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { RestConnection } from "../../lib/rest/connection.ts";
import { problemOf } from "../../lib/rest/problem.ts";
import { jobJson } from "../../lib/job/job_json.ts";
import { auditJson } from "../../lib/job/audit_record.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { WHOLE_RECORD } from "../service/samples.ts";
import { soon } from "../soon.ts";
import { DONE_JOB, JOB, JOB_ID, TestRest } from "./fixture.ts";
import { RECORD_LINES, settled } from "./log_answer_fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

const GONE = new JobWorkerError("unavailable", "The daemon ends");

/** What a daemon does with a request: answer it, or break the connection. */
type Answer = (request: Request) => Response;

/** A daemon that gives these answers one after the other, and what it was asked. */
async function daemonOf(...answers: readonly Answer[]) {
  const asked: string[] = [];
  const rest = await TestRest.listen(certificates, {}, {
    answer(request) {
      const { pathname, search } = new URL(request.url);
      asked.push(`${request.method} ${pathname}${search} ${request.headers.get("last-event-id")}`);
      const answer = answers[asked.length - 1] ?? assert.fail(`Nothing was expected: ${asked}`);
      return answer(request);
    },
  });
  return { rest, asked };
}

function clientOf({ port }: TestRest, options: Partial<RestClientOptions> = {}): RestClient {
  return new RestClient({
    address: `localhost:${port}`,
    ca: certificates.ca.cert,
    credentials: { user: "alice", password: "secret" },
    ...options,
  });
}

const refuse: Answer = () => Response.json(problemOf(GONE), { status: 503 });

/** Events after which the connection breaks, or ends as it should. */
function events(text: string, end: "break" | "end" = "end"): Answer {
  return () => {
    let isSent = false;
    const body = new ReadableStream({
      pull(controller) {
        if (!isSent) controller.enqueue(new TextEncoder().encode(text));
        else if (end === "end") controller.close();
        else controller.error(new Error("It breaks"));
        isSent = true;
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };
}

const data = (value: object) => `data: ${JSON.stringify(value)}\n`;
const [ONE, TWO, THREE] = RECORD_LINES.map((line) => data(line));
const LOG_END = `id: 8\nevent: end\n${data(jobJson(DONE_JOB))}\n`;
const PROBLEM = `event: problem\n${data(problemOf(GONE))}\n`;

Deno.test("A log goes on where it was, however the connection ends", async () => {
  const { rest: server, asked } = await daemonOf(
    events(`:\n\nid: 4\n${ONE}\n`, "break"),
    refuse,
    // The first of an event, of which the second part is not there.
    events(`:\n\nid: 6\n${TWO}\nid: 8\n${THREE}`, "break"),
    events(PROBLEM),
    events(":\n\n"),
    events(`id: 8\n${THREE}\n${LOG_END}`),
  );
  await using _ = server;
  const reported: string[] = [];
  using client = clientOf(server, { onReconnecting: ({ message }) => void reported.push(message) });
  const log = client.streamLogs({ jobId: JOB_ID, follow: true, start: { kind: "tail", lines: 9 } });
  const batches = await Array.fromAsync(log);
  assert.deepEqual(
    batches.flatMap(({ records }) => records.map(({ offset }) => offset)),
    RECORD_LINES.map(({ offset }) => offset),
  );
  assert.equal(batches.at(-1)?.finishedJob?.jobId, JOB_ID);
  const path = `GET /v1/jobs/${JOB_ID}/logs?stream=both&follow=1`;
  assert.deepEqual(asked, [
    `${path}&tail=9 null`,
    `${path}&offset=4 null`,
    `${path}&offset=4 null`,
    `${path}&offset=6 null`,
    `${path}&offset=6 null`,
    `${path}&offset=6 null`,
  ]);
  assert.equal(reported.length, 5);
});

Deno.test("A log that is not followed ends where it would have ended", async () => {
  const { rest: server, asked } = await daemonOf(
    events(`id: 4-8\n${ONE}\n`, "break"),
    events(`id: 6-8\n${TWO}\nid: 8-8\n${THREE}\n`, "break"),
    () => new Response(null, { status: 204 }),
  );
  await using _ = server;
  using client = clientOf(server);
  const batches = await Array.fromAsync(client.streamLogs({ jobId: JOB_ID }));
  assert.equal(batches.length, 3);
  assert.deepEqual(asked.map((request) => request.replace(/.*both/, "")), [
    "&offset=0 null",
    "&offset=4&end=8 null",
    "&offset=8&end=8 null",
  ]);
});

Deno.test("The audit trail goes on behind the last whole batch", async () => {
  const line = data(auditJson(WHOLE_RECORD));
  const [first, second] = ["0123456789abcdef:32", "0123456789abcdef:33"];
  const { rest: server, asked } = await daemonOf(
    events(`:\n\nid: ${first}\n${line}${line}\nid: ${second}\n${line}`, "break"),
    events(`id: ${second}\n${line}\nevent: end\ndata: {}\n\n`),
  );
  await using _ = server;
  using client = clientOf(server);
  const batches = await Array.fromAsync(client.streamAudit({ follow: true }));
  assert.deepEqual(batches.map(({ records, position }) => [records.length, position]), [
    [2, first],
    [1, second],
  ]);
  assert.deepEqual(asked, ["GET /v1/audit?follow=1 null", `GET /v1/audit?follow=1 ${first}`]);
});

Deno.test("A watch tells of all jobs again", async () => {
  const { rest: server } = await daemonOf(
    events(`:\n\n${data(jobJson(JOB))}\n`, "break"),
    events(`${data(jobJson(DONE_JOB))}\nevent: end\ndata: {}\n\n`),
  );
  await using _ = server;
  using client = clientOf(server);
  const jobs = await Array.fromAsync(client.watchJobs({ filter: {} }));
  assert.deepEqual(jobs.map(({ end }) => end?.status ?? "running"), ["running", "done"]);
});

Deno.test("What may be repeated is, once the daemon has been there, and nothing else", async () => {
  const ok: Answer = () => Response.json(jobJson(JOB));
  const calls: Record<string, (client: RestClient) => Promise<unknown>> = {
    startJob: (client) => client.startJob({ command: { name: "ls" } }),
    getJob: (client) => client.getJob({ jobId: JOB_ID }),
    writeInput: (client) =>
      client.writeInput({ jobId: JOB_ID, offset: 0, data: new Uint8Array(1), end: false }),
    stopJob: (client) => client.stopJob({ jobId: JOB_ID }),
    signalJob: (client) => client.signalJob({ jobId: JOB_ID, signal: "HUP" }),
    updateJob: (client) => client.updateJob({ jobId: JOB_ID, timeoutMs: 0 }),
    pruneJobs: (client) => client.pruneJobs({ maxCount: 0 }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const answer: Answer = name === "writeInput" ? () => Response.json({ accepted: 1 }) : ok;
    const { rest: server, asked } = await daemonOf(refuse, answer);
    await using _ = server;
    using client = clientOf(server);
    const repeats = ["startJob", "getJob", "writeInput"].includes(name);
    if (repeats) await call(client);
    else await assert.rejects(call(client), { code: "unavailable", message: GONE.message });
    assert.equal(asked.length, repeats ? 2 : 1, name);
    assert.equal(asked[0], asked[1] ?? asked[0]);
  }
});

Deno.test("A daemon that was never there is reported at once, and one that stays away in the end", async () => {
  const { rest: server, asked } = await daemonOf(...Array.from({ length: 50 }, () => refuse));
  const { port } = server;
  using client = clientOf(server, { reconnectTimeoutMs: 500 });
  await assert.rejects(client.getJob({ jobId: JOB_ID }), { message: GONE.message });
  assert.ok(asked.length > 1, "It was asked again");
  await server[Symbol.asyncDispose]();
  let reports = 0;
  using other = clientOf(server, { address: `localhost:${port}`, onReconnecting: () => reports++ });
  await assert.rejects(other.getJob({ jobId: JOB_ID }), { reason: "ECONNREFUSED" });
  await assert.rejects(other.watchJobs({ filter: {} }).next(), { reason: "ECONNREFUSED" });
  assert.equal(reports, 0);
});

Deno.test("A start is attempted five times at most", async () => {
  const { rest: server, asked } = await daemonOf(...Array.from({ length: 50 }, () => refuse));
  await using _ = server;
  using client = clientOf(server);
  await assert.rejects(client.startJob({ command: { name: "ls" } }), { message: GONE.message });
  assert.equal(asked.length, 5);
});

Deno.test("waitJob waits as often as it takes", async () => {
  const running: Answer = () => Response.json(jobJson(JOB));
  const { rest: server, asked } = await daemonOf(
    running,
    running,
    () => Response.json(jobJson(DONE_JOB)),
  );
  await using _ = server;
  using client = clientOf(server);
  assert.equal((await client.waitJob({ jobId: JOB_ID })).end?.status, "done");
  assert.deepEqual(asked, Array(3).fill(`GET /v1/jobs/${JOB_ID}?wait=30s null`));
});

Deno.test("A stream ends by its signal and when its reader stops, and the daemon notices", async () => {
  for (const how of ["signal", "return"]) {
    const left = Promise.withResolvers<void>();
    const { rest: server } = await daemonOf(({ signal }) => {
      signal.addEventListener("abort", () => left.resolve());
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(`id: 4\n${ONE}\n`)),
      });
      return new Response(body);
    });
    await using _ = server;
    using client = clientOf(server);
    const leaving = new AbortController();
    const log = client.streamLogs({ jobId: JOB_ID, follow: true }, { signal: leaving.signal });
    assert.equal((await log.next()).value?.nextOffset, 4);
    if (how === "signal") {
      const next = log.next();
      leaving.abort(new Error("enough"));
      await assert.rejects(soon(next, () => "the stream to end"), /^Error: enough$/);
    } else {
      await log.return(undefined);
    }
    await soon(left.promise, () => "the daemon to notice");
  }
});

Deno.test("A daemon that has gone silent counts as gone", async () => {
  const body = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(`id: 4\n${ONE}\n`)),
    });
  const { rest: server } = await daemonOf(() => new Response(body()));
  await using _ = server;
  using connection = new RestConnection({
    address: `localhost:${server.port}`,
    ca: certificates.ca.cert,
  });
  using timers = new FakeTimers();
  const events = connection.events("readLog", { jobId: JOB_ID, silenceMs: 300 });
  assert.equal((await events.next()).value?.id, "4");
  const next = events.next();
  await settled();
  timers.pass(300);
  await assert.rejects(next, {
    code: "unavailable",
    message: /it has been silent for 0\.3 s/,
  });
});

Deno.test("An error says what the daemon says: its code, its reason, and the field it is about", async () => {
  const error = new JobWorkerError("invalid_argument", "Invalid filter.owner: no", {
    reason: "WHY",
    field: "filter.owner",
  });
  const { rest: server } = await daemonOf(
    () => Response.json(problemOf(error), { status: 400 }),
    events(`event: problem\n${data(problemOf(error))}\n`),
    () => Response.json({ jobs: "none" }),
    events(`id: 4\ndata: {\n\n`),
  );
  await using _ = server;
  using client = clientOf(server);
  const { code, message, reason, field } = error;
  await assert.rejects(client.listJobs(), { code, message, reason, field });
  await assert.rejects(client.watchJobs({ filter: {} }).next(), { code, message, reason, field });
  const odd = { code: "internal", message: /^Cannot understand the answer of the daemon: / };
  await assert.rejects(client.listJobs(), odd);
  await assert.rejects(client.streamLogs({ jobId: JOB_ID }).next(), odd);
});
