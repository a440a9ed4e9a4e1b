import { JobWorkerError } from "../../lib/errors.ts";
import type { LogBatch, StreamLogsRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { batchOf, JOB_ID, recordOf, TestApp } from "./fixture.ts";
import { END, FakeLog, LOGS, RECORD_LINES, settled, STORED } from "./log_answer_fixture.ts";

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

Deno.test("A gap before raw bytes is in the head of the answer, and gaps among them are in its trailer", async () => {
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

Deno.test("A log that is not followed says where it ends, and can be continued from there", async () => {
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

Deno.test("An error half-way is told where the form has a place for it, and breaks the answer off elsewhere", async () => {
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
