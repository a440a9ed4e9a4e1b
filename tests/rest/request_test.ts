import { assert } from "../assert.ts";
import { JOB, JOB_ID, TestApp } from "./fixture.ts";

Deno.test("Bodies that are not plain JSON of the schema are refused", async () => {
  const api = new TestApp();
  const deep = 10_000;
  const bodies: [number, string, string?][] = [
    [415, "command=ls", "application/x-www-form-urlencoded"],
    [415, '{"command":"ls"}', "text/plain"],
    [415, '{"command":"ls"}', "application/json; charset=latin1"],
    [415, '{"command":"ls"}', "multipart/form-data"],
    [400, ""],
    [400, "{"],
    [400, "null"],
    [400, "[]"],
    [400, '"ls"'],
    [400, "{}"],
    [400, '{"command":1}'],
    [400, '{"command":"ls","args":"-l"}'],
    [400, '{"command":"ls","args":[1]}'],
    [400, '{"command":"ls","shell":true}'],
    [400, '{"command":"ls","command":"rm"}'],
    [400, '{"command":"ls","comm\\u0061nd":"rm"}'],
    [400, '{"command":"ls","__proto__":{"args":["x"]}}'],
    [400, `{"command":"ls","args":${"[".repeat(deep)}${"]".repeat(deep)}}`],
    [400, `{"command":${'{"a":'.repeat(deep)}1${"}".repeat(deep)}}`],
  ];
  for (const [status, body, type] of bodies) {
    const response = await api.post("/start/", body, type ? { "Content-Type": type } : {});
    const answer = await response.json();
    assert.equal(response.status, status, body.slice(0, 60));
    assert.equal(answer.status, "error");
    assert.ok(answer.error.length < 300);
  }
  const invalidUtf8 = await api.request("/start/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: Uint8Array.of(0x22, 0xff, 0x22),
  });
  assert.equal(invalidUtf8.status, 400);
  await invalidUtf8.body?.cancel();
  const env = '{"command":{"name":"ls","env":{"__proto__":"x"}}}';
  assert.equal((await api.post("/v1/jobs", env)).status, 400);
  assert.equal(Reflect.get({}, "args"), undefined);
});

Deno.test("A body over 1 MiB is refused while it comes", async () => {
  const api = new TestApp();
  let sent = 0;
  const chunk = new Uint8Array(64 * 1024).fill(0x20);
  const endless = () =>
    new ReadableStream({
      pull(controller) {
        sent += chunk.length;
        controller.enqueue(chunk);
      },
    });
  const headers = { "Content-Type": "application/json" };
  const endlessly = await api.request("/start/", { method: "POST", headers, body: endless() });
  assert.equal(endlessly.status, 413);
  await endlessly.body?.cancel();
  assert.ok(sent < 1.5 * 1024 * 1024, `${sent} bytes were taken`);

  const announced = await api.post("/start/", "{}", { "Content-Length": "1048577" });
  assert.equal(announced.status, 413);
  await announced.body?.cancel();

  // To stop a job needs no body, so none is read that is not said to be JSON.
  const stop = `/v1/jobs/${JOB_ID}/stop`;
  const surprise = await api.request(stop, { method: "POST", body: endless() });
  assert.equal(surprise.status, 413);
  await surprise.body?.cancel();
  const small = await api.request(stop, { method: "POST", body: Uint8Array.of(0x7b) });
  assert.equal(small.status, 413);
  await small.body?.cancel();
});

Deno.test("A body of 1 MiB is read, and a byte more is not", async () => {
  const api = new TestApp({ startJob: () => Promise.resolve(JOB) });
  const most = 1024 * 1024;
  for (const [size, status] of [[most - 1, 200], [most, 200], [most + 1, 413]] as const) {
    const text = '{"command":"ls"}'.padEnd(size, " ");
    const bytes = new TextEncoder().encode(text);
    const pieces = [bytes.slice(0, 1), bytes.slice(1, -1), bytes.slice(-1)];
    const bodies: [BodyInit, Record<string, string>][] = [
      [text, { "Content-Length": String(size) }],
      [text, {}],
      [ReadableStream.from(pieces), {}],
    ];
    for (const [body, headers] of bodies) {
      const response = await api.request("/start/", {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body,
      });
      assert.equal(response.status, status, `${size} bytes`);
      await response.body?.cancel();
    }
  }
});

Deno.test("A query that is not understood is refused with the parameter's name", async () => {
  const api = new TestApp();
  const wrong: [string, RegExp][] = [
    ["state=running", /state/],
    ["status=stopped", /status/],
    ["pageSize=0", /pageSize/],
    ["pageSize=x", /pageSize/],
    ["pageSize=1e2", /pageSize/],
    ["pageSize=99999999999999999999", /pageSize/],
    ["pageSize=1&pageSize=2", /pageSize is given twice/],
    ["label=x", /label/],
    ["startedAfter=yesterday", /startedAfter/],
    ["__proto__=x", /__proto__/],
    ["constructor=x", /constructor/],
  ];
  for (const [query, words] of wrong) {
    const response = await api.request(`/v1/jobs?${query}`);
    assert.equal(response.status, 400, query);
    assert.match((await response.json()).detail, words);
  }
  for (const query of ["follow=yes", "stream=stdin", "offset=1&tail=1", "tail=-1", "since=1"]) {
    const response = await api.request(`/v1/jobs/${JOB_ID}/logs?${query}`);
    await response.body?.cancel();
    assert.equal(response.status, 400, query);
  }
});

Deno.test("A wrong query is explained as well as a command line is", async () => {
  const wrong: [string, string][] = [
    ["tail=1e3", 'tail "1e3": must be a whole number from 0 to 1000000000'],
    ["tail=-1", 'tail "-1": must be a whole number from 0 to 1000000000'],
    ["offset=0x10", 'offset "0x10": must be a whole number from 0 to 9007199254740991'],
    [
      "since=2026-02-30T00:00:00Z",
      'since "2026-02-30T00:00:00Z": is not a valid time: the days of 2026-02 go from 1 to 28',
    ],
    [
      "since=2026-07-31T24:00:00Z",
      'since "2026-07-31T24:00:00Z": is not a valid time: hours go from 0 to 23',
    ],
    [
      "since=2026-07-31T09:30:00",
      'since "2026-07-31T09:30:00": has no time zone: did you mean 2026-07-31T09:30:00Z (UTC) ' +
      "or, for example, 2026-07-31T09:30:00+02:00?",
    ],
    ["since=10m", 'since "10m": is not an RFC 3339 time, such as 2026-07-31T09:30:00Z'],
    [
      "since=2026-07-31%2009:30:00Z",
      'since "2026-07-31 09:30:00Z": must be an RFC 3339 date and time with a time zone, ' +
      "such as 2026-07-31T09:30:00Z",
    ],
  ];
  const api = new TestApp();
  for (const [query, detail] of wrong) {
    const response = await api.request(`/v1/jobs/${JOB_ID}/logs?${query}`);
    assert.deepEqual((await response.json()).detail, `Invalid ${detail}`);
  }
});
