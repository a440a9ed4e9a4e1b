import { JobWorkerError } from "../../lib/errors.ts";
import type { LogBatch } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { soon } from "../soon.ts";
import { batchOf, JOB_ID, recordOf, TestApp } from "./fixture.ts";
import { END, FakeLog, LOGS, RECORD_LINES, settled, STORED } from "./log_answer_fixture.ts";

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
  // There is one call, since each is a line of the audit trail.
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
