import { setImmediate } from "node:timers";
import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { CallContext, LogBatch, StreamLogsRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { soon } from "../soon.ts";
import { batchOf, DONE_JOB, JOB_ID, recordOf, TestApp } from "./fixture.ts";

const LOGS = `/v1/jobs/${JOB_ID}/logs`;

/**
 * A log with these batches stored, after which a follower gets those, and waits for ever unless one
 * of them has ended the job.
 */
class FakeLog {
  readonly requests: StreamLogsRequest[] = [];
  readonly #stored: readonly LogBatch[];
  readonly #live: readonly LogBatch[];
  readonly #followed = Promise.withResolvers<void>();
  readonly #left = Promise.withResolvers<unknown>();

  constructor(stored: readonly LogBatch[], live: readonly LogBatch[] = []) {
    this.#stored = stored;
    this.#live = live;
  }

  /** Resolves once somebody waits for more. */
  get followed(): Promise<void> {
    return this.#followed.promise;
  }

  /** The reason of the signal, once the follower has gone. */
  get left(): Promise<unknown> {
    return this.#left.promise;
  }

  streamLogs = async function* (
    this: FakeLog,
    request: StreamLogsRequest,
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch> {
    this.requests.push(request);
    // What there is comes at once, be it nothing.
    yield* request.follow && this.#stored.length === 0 ? [batchOf([])] : this.#stored;
    if (!request.follow || this.#stored.at(-1)?.finishedJob) return;
    yield* this.#live;
    if (this.#live.at(-1)?.finishedJob) return;
    this.#followed.resolve();
    try {
      await abortable(new Promise<never>(() => {}), signal);
    } catch (error) {
      this.#left.resolve(error);
      throw error;
    }
  }.bind(this);
}

const STORED = [
  batchOf([recordOf(0, "one\n"), recordOf(4, [0xff, 0xc3], "stderr")]),
  batchOf([recordOf(6, "ü")]),
];
const END = { ...batchOf([], DONE_JOB), nextOffset: 8 };

const RECORD_LINES = [
  {
    offset: 0,
    time: "2023-11-14T22:13:20.000Z",
    stream: "stdout",
    data: "b25lCg==",
    text: "one\n",
  },
  { offset: 4, time: "2023-11-14T22:13:20.000Z", stream: "stderr", data: "/8M=" },
  { offset: 6, time: "2023-11-14T22:13:20.000Z", stream: "stdout", data: "w7w=", text: "ü" },
];

Deno.test("A log is the job's own bytes, as a file to save", async () => {
  const log = new FakeLog([...STORED, END]);
  const response = await new TestApp(log).request(LOGS);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/octet-stream");
  assert.equal(
    response.headers.get("content-disposition"),
    `attachment; filename="${JOB_ID}.log"`,
  );
  assert.deepEqual(
    new Uint8Array(await response.arrayBuffer()),
    Uint8Array.of(...new TextEncoder().encode("one\n"), 0xff, 0xc3, 0xc3, 0xbc),
  );
  assert.deepEqual(log.requests, [{
    jobId: JOB_ID,
    streams: [],
    follow: false,
    start: { kind: "offset", offset: 0 },
  }]);
});

Deno.test("The query of a log says where to start and what to leave out", async () => {
  const queries: (readonly [string, Partial<StreamLogsRequest>, HeadersInit?])[] = [
    ["stream=stderr", { streams: ["stderr"] }],
    ["offset=7&stream=both", { start: { kind: "offset", offset: 7 } }],
    ["tail=3", { start: { kind: "tail", lines: 3 } }],
    ["since=2023-11-14T22:13:20Z", { start: { kind: "since", time: 1_700_000_000_000 } }],
    // What a browser repeats when it reconnects.
    ...["", "offset=3", "tail=3", "since=2023-11-14T22:13:20Z"].map((query) =>
      [query, { start: { kind: "offset", offset: 9 } }, { "Last-Event-ID": "9" }] as const
    ),
  ];
  for (const [query, changes, headers = {}] of queries) {
    const log = new FakeLog([END]);
    const response = await new TestApp(log).request(`${LOGS}?${query}`, { headers });
    await response.body?.cancel();
    assert.equal(response.status, 200, query);
    const plain = { jobId: JOB_ID, streams: [], follow: false };
    assert.deepEqual(log.requests, [{
      ...plain,
      start: { kind: "offset", offset: 0 },
      ...changes,
    }]);
  }
  const response = await new TestApp().request(LOGS, { headers: { "Last-Event-ID": "x" } });
  await response.body?.cancel();
  assert.equal(response.status, 400);
});

Deno.test("A log as lines of JSON has times, base64, text, gaps, and the job at its end", async () => {
  const gapped = { ...batchOf([recordOf(6, "ü")]), gap: { from: 4, to: 6 } };
  const log = new FakeLog([batchOf([recordOf(0, "one\n")]), gapped, END]);
  const response = await new TestApp(log).request(LOGS, {
    headers: { Accept: "application/x-ndjson" },
  });
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const lines = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.slice(0, -1), [
    RECORD_LINES[0],
    { gap: { from: 4, to: 6 } },
    RECORD_LINES[2],
  ]);
  assert.deepEqual(Object.keys(lines.at(-1)), ["finishedJob"]);
  assert.equal(lines.at(-1).finishedJob.status, "done");
});

Deno.test("A gap before raw bytes is in the head of the answer, and those among them are behind it", async () => {
  const gapped = (from: number, to: number, text: string) => ({
    ...batchOf([recordOf(to, text)]),
    gap: { from, to },
  });
  const log = new FakeLog([gapped(0, 4, "one\n"), batchOf([recordOf(8, "two\n")]), END]);
  const response = await new TestApp(log).request(LOGS);
  assert.equal(response.headers.get("log-gap"), "0-4");
  assert.equal(await response.text(), "one\ntwo\n");
  const whole = await new TestApp(new FakeLog([...STORED, END])).request(LOGS);
  assert.equal(whole.headers.get("log-gap"), null);
  await whole.body?.cancel();

  const late = [batchOf([recordOf(0, "one\n")]), gapped(4, 8, "two\n"), gapped(12, 14, "three\n")];
  const api = new TestApp(new FakeLog([...late, END]));
  const answer = await api.request(LOGS);
  assert.deepEqual([answer.headers.get("trailer"), answer.headers.get("log-gap")], [
    "Log-Gap",
    null,
  ]);
  assert.deepEqual(api.trailers, []);
  assert.equal(await answer.text(), "one\ntwo\nthree\n");
  assert.deepEqual(api.trailers, ["Log-Gap: 4-8, 12-14"]);

  const many = Array.from({ length: 200 }, (_, index) => gapped(2 * index, 2 * index + 1, "x"));
  const bounded = new TestApp(new FakeLog([batchOf([recordOf(0, "")]), ...many, END]));
  await (await bounded.request(LOGS)).text();
  assert.match(bounded.trailers[0] ?? "", /^Log-Gap: 0-1, (\d+-\d+, ){98}198-199, \.\.\.$/);
});

Deno.test("A log that is not followed says where it ends, and can be gone on with", async () => {
  const request = async (query: string, log: FakeLog, headers: HeadersInit = {}) =>
    await new TestApp(log).request(`${LOGS}?${query}`, { headers });
  const ends = (batch: LogBatch): LogBatch => ({ ...batch, endOffset: 8 });
  const stored = [...STORED.map(ends), ends({ ...batchOf([]), nextOffset: 8 })];
  const Accept = "text/event-stream";

  const raw = await request("", new FakeLog(stored));
  assert.equal(raw.headers.get("log-end"), "8");
  await raw.text();
  const resumed = new FakeLog(stored);
  await (await request("offset=4&end=8", resumed)).text();
  assert.deepEqual(
    resumed.requests.map(({ start, endOffset }) => ({ start, endOffset })),
    [{ start: { kind: "offset", offset: 4 }, endOffset: 8 }],
  );

  const events = await (await request("", new FakeLog(stored), { Accept })).text();
  assert.deepEqual(events.match(/^id: .*$/gm), ["id: 4-8", "id: 6-8", "id: 8-8", "id: 8-8"]);
  assert.match(events, /\n\nid: 8-8\n\n$/, "The last one is without an event");
  const reconnected = new FakeLog(stored);
  const headers = { Accept, "Last-Event-ID": "6-8" };
  await (await request("tail=3", reconnected, headers)).text();
  const [rest] = reconnected.requests;
  assert.deepEqual([rest?.start, rest?.endOffset], [{ kind: "offset", offset: 6 }, 8]);
  // An EventSource connects again for ever, unless it is told that there is no more.
  const complete = { Accept, "Last-Event-ID": "8-8" };
  assert.equal((await request("", new FakeLog(stored.slice(-1)), complete)).status, 204);
  const finished = await request("", new FakeLog([ends(END)]), complete);
  assert.match(await finished.text(), /event: end/);

  for (const query of ["follow=1&end=8", "end=x"]) {
    const refused = await request(query, new FakeLog([]));
    assert.equal(refused.status, 400);
    await refused.body?.cancel();
  }
  const followedOn = new FakeLog([ends(END)]);
  await (await request("follow=1", followedOn, { "Last-Event-ID": "6-8" })).text();
  assert.equal(followedOn.requests[0]?.endOffset, undefined, "It follows beyond where others end");
  const followed = await request("follow=1", new FakeLog([...STORED, END]));
  assert.equal(followed.headers.get("log-end"), null);
  assert.doesNotMatch(await followed.text(), /id: \d+-/);
});

Deno.test("The reader of an event stream is told of what is lost, and others by the status", async () => {
  const error = new JobWorkerError("data_loss", "200 bytes did not reach the disk");
  // deno-lint-ignore require-yield -- it fails first
  const streamLogs = async function* (): AsyncGenerator<LogBatch> {
    throw await Promise.resolve(error);
  };
  const api = new TestApp({ streamLogs });
  const headers = { "Last-Event-ID": "382" };
  const events = await api.request(`${LOGS}?follow=1`, { headers });
  assert.equal(events.status, 200);
  assert.match(await events.text(), /event: problem\ndata: .*200 bytes did not reach the disk/);
  const raw = await api.request(`${LOGS}?offset=382`);
  assert.equal(raw.status, 500);
  assert.equal((await raw.json()).detail, error.message);
});

Deno.test("follow=1 is a stream of events: first what is stored, then what comes, then the end", async () => {
  const log = new FakeLog(STORED, [batchOf([recordOf(8, "more")]), { ...END, nextOffset: 12 }]);
  const api = new TestApp(log);
  const response = await api.request(`${LOGS}?follow=1&tail=5`);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const events = (await response.text()).split("\n\n").slice(1, -1);
  assert.deepEqual(events.slice(0, 3), [
    `id: 4\ndata: ${JSON.stringify(RECORD_LINES[0])}`,
    `id: 6\ndata: ${JSON.stringify(RECORD_LINES[1])}`,
    `id: 8\ndata: ${JSON.stringify(RECORD_LINES[2])}`,
  ]);
  assert.match(events[3] ?? "", /^id: 12\ndata: .*"text":"more"/);
  assert.match(events[4] ?? "", /^id: 12\nevent: end\ndata: .*"status":"done"/);
  assert.equal(events.length, 5);
  // Once: each call is a line of the audit trail.
  assert.deepEqual(log.requests.map(({ follow, start }) => ({ follow, start })), [
    { follow: true, start: { kind: "tail", lines: 5 } },
  ]);
  assert.equal(api.openEnded, 1);
});

Deno.test("A gap is an event, whose id is the offset behind it", async () => {
  const gapped = { ...batchOf([recordOf(6, "ü")]), gap: { from: 4, to: 6 } };
  const log = new FakeLog([batchOf([recordOf(0, "one\n")]), gapped, { ...END, nextOffset: 8 }]);
  const response = await new TestApp(log).request(`${LOGS}?follow=1`);
  const text = await soon(response.text(), () => "the end of a log that has ended", 20_000);
  const events = text.split("\n\n").slice(1, -1);
  assert.deepEqual(events.slice(0, 3), [
    `id: 4\ndata: ${JSON.stringify(RECORD_LINES[0])}`,
    'id: 6\nevent: gap\ndata: {"gap":{"from":4,"to":6}}',
    `id: 8\ndata: ${JSON.stringify(RECORD_LINES[2])}`,
  ]);
  assert.match(events[3] ?? "", /^id: 8\nevent: end\ndata: /);
  assert.deepEqual(log.requests.map(({ follow }) => follow), [true]);
});

Deno.test("A log that is followed stays within what was asked for", async () => {
  const log = new FakeLog(STORED, [{ ...END, nextOffset: 12 }]);
  const response = await new TestApp(log).request(`${LOGS}?follow=1&stream=stderr`, {
    headers: { "Last-Event-ID": "123456789012345" },
  });
  await response.text();
  assert.deepEqual(log.requests, [
    {
      jobId: JOB_ID,
      streams: ["stderr"],
      follow: true,
      start: { kind: "offset", offset: 123_456_789_012_345 },
    },
  ]);
});

Deno.test("follow=1 in the other forms goes on too, if they are asked for", async () => {
  for (const type of ["application/octet-stream", "application/x-ndjson"]) {
    const log = new FakeLog(STORED, [batchOf([recordOf(8, "more")]), END]);
    const response = await new TestApp(log).request(`${LOGS}?follow=true`, {
      headers: { Accept: type },
    });
    assert.equal(response.headers.get("content-type"), type);
    assert.match(await response.text(), /more/);
  }
});

Deno.test("An event stream is never silent for long", async () => {
  const log = new FakeLog(STORED);
  const response = await new TestApp(log, { heartbeatMs: 5 }).request(`${LOGS}?follow=1`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  const beats = async () => {
    for (let text = ""; !/(\n\n:){3}/.test(text);) text += (await reader.read()).value;
  };
  await soon(beats(), () => "signs of life that are due every 5 ms");
  await reader.cancel();
  assert.ok(await log.left);
});

Deno.test("An event stream has a sign of life after each 15 seconds of silence", async () => {
  const log = new FakeLog(STORED);
  using timers = new FakeTimers();
  const response = await new TestApp(log).request(`${LOGS}?follow=1`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  let text = "";
  const reading = (async () => {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      text += piece.value;
    }
  })();
  await log.followed;
  for (const [ms, beats] of [[14_999, 0], [1, 1], [14_999, 1], [1, 2]] as const) {
    await settled();
    timers.pass(ms);
    await settled();
    assert.equal(text.split("\n\n").filter((event) => event === ":").length, beats);
  }
  await reader.cancel();
  await reading;
  await log.left;
  await settled();
  assert.equal(timers.pending, 0);
});

/** Lets everything go on that waits for no timer. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("A HEAD request is answered once its reader has let go of the log", async () => {
  const released = Promise.withResolvers<void>();
  const streamLogs = async function* (): AsyncGenerator<LogBatch> {
    try {
      for (const batch of STORED) yield await Promise.resolve(batch);
    } finally {
      await released.promise;
    }
  };
  let isAnswered = false;
  const answering = new TestApp({ streamLogs }).request(LOGS, { method: "HEAD" })
    .finally(() => isAnswered = true);
  await settled();
  assert.equal(isAnswered, false);
  released.resolve();
  assert.equal((await answering).status, 200);
});

Deno.test("A reader that leaves ends the call, though nothing comes", async () => {
  const pieces = {
    "text/event-stream": 3,
    "application/octet-stream": 2,
    "application/x-ndjson": 2,
  };
  for (const [type, count] of Object.entries(pieces)) {
    const log = new FakeLog(STORED);
    const response = await new TestApp(log).request(`${LOGS}?follow=1`, {
      headers: { Accept: type },
    });
    const reader = response.body?.getReader();
    for (let read = 0; read < count; read++) await reader?.read();
    // All that is stored has been read, and nothing else will ever come.
    const waiting = reader?.read();
    await log.followed;
    await reader?.cancel();
    assert.equal((await waiting)?.done, true);
    assert.ok(await log.left);
  }
});

Deno.test("An error that comes at once is the status of a log", async () => {
  const error = new JobWorkerError("out_of_range", "Invalid offset 9: the log has 8 bytes");
  // deno-lint-ignore require-yield -- it fails first
  const streamLogs = async function* (): AsyncGenerator<LogBatch> {
    throw await Promise.resolve(error);
  };
  for (const query of ["offset=9", "offset=9&follow=1"]) {
    const response = await new TestApp({ streamLogs }).request(`${LOGS}?${query}`);
    assert.equal(response.status, 416);
    assert.equal((await response.json()).detail, error.message);
  }
});

Deno.test("An error half-way is told where the form has a place for it, and else breaks it off", async () => {
  const streamLogs = async function* (): AsyncGenerator<LogBatch> {
    yield* STORED;
    throw await Promise.resolve(new JobWorkerError("unavailable", "The daemon is shutting down"));
  };
  const request = (Accept: string) =>
    new TestApp({ streamLogs }).request(LOGS, { headers: { Accept } });
  const lines = (await (await request("application/x-ndjson")).text()).trimEnd().split("\n");
  assert.equal(JSON.parse(lines.at(-1) ?? "").error.code, "unavailable");
  const events = (await (await request("text/event-stream")).text()).trimEnd().split("\n\n");
  assert.match(events.at(-1) ?? "", /^event: problem\ndata: .*"code":"unavailable"/);
  await assert.rejects((await request("*/*")).text(), /shutting down/);
});
