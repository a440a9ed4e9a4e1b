import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { restApp } from "../../lib/rest/app.ts";
import { type Operation, OPERATIONS } from "../../lib/rest/operations.ts";
import type {
  CallContext,
  ListJobsRequest,
  StartJobRequest,
  StopJobRequest,
} from "../../lib/service/job_service.ts";
import type { JobMethod } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { eachMethod, WHOLE_JOB, WHOLE_REQUESTS } from "../service/samples.ts";
import { soon } from "../soon.ts";
import { ALICE, basic, DONE_JOB, fakeService, JOB, JOB_ID, TestApp } from "./fixture.ts";

const RUNNING_JSON = {
  jobId: JOB_ID,
  command: { name: "sh", args: ["-c", "exit 3"], env: { A: "ä" }, workingDirectory: "/tmp" },
  status: "running",
  pid: 4711,
  owner: "alice",
  startDate: "2023-11-14T22:13:20.123Z",
  finishDate: null,
  exitStatus: null,
  reason: null,
  stdoutBytes: 5,
  stderrBytes: 7,
  execution: JOB.execution,
  containment: JOB.containment,
  usage: JOB.usage,
  logLimit: { bytes: 1048576, policy: "keep_newest" },
  logBytes: 40,
  labels: { team: "blue" },
  outputTruncated: false,
};

const DONE_JSON = {
  ...RUNNING_JSON,
  status: "done",
  finishDate: "2023-11-14T22:13:21.999Z",
  exitStatus: { code: 0 },
  reason: "exited",
};

const notFound = () => Promise.reject(new JobWorkerError("not_found", `No job "${JOB_ID}"`));

for (const slash of ["", "/"]) {
  Deno.test(`The four paths answer as the design says, ${slash ? "with" : "without"} a final slash`, async () => {
    const starts: [StartJobRequest, CallContext][] = [];
    const stops: StopJobRequest[] = [];
    const api = new TestApp({
      startJob(request, context) {
        starts.push([request, context]);
        return Promise.resolve(JOB);
      },
      stopJob(request) {
        stops.push(request);
        return Promise.resolve(DONE_JOB);
      },
      getJob: () => Promise.resolve(JOB),
    });
    const health = await api.app.request(`/health${slash}`);
    assert.equal(health.status, 200);
    assert.deepEqual(await health.json(), { status: "ok" });

    const start = await api.post(`/start${slash}`, { command: "ls", args: ["-l"] });
    assert.equal(start.status, 200);
    assert.deepEqual(await start.json(), { status: "running", jobId: JOB_ID, error: null });
    assert.deepEqual(starts[0]?.[0], {
      command: { name: "ls", args: ["-l"], env: {}, workingDirectory: "" },
      labels: {},
      requestId: "",
    });
    assert.deepEqual(starts[0]?.[1].caller, {
      identity: ALICE,
      fingerprint: "",
      peer: "192.0.2.7:5000",
    });

    const stop = await api.post(`/stop${slash}`, { jobId: JOB_ID });
    assert.equal(stop.status, 200);
    assert.deepEqual(await stop.json(), { status: "success", error: null });
    assert.deepEqual(stops, [{ jobId: JOB_ID, stopSignal: "", gracePeriodMs: null }]);

    const status = await api.request(`/status/${JOB_ID}${slash}`);
    assert.equal(status.status, 200);
    assert.deepEqual(await status.json(), {
      status: "success",
      error: null,
      jobStatus: "running",
    });
  });
}

Deno.test("The four paths answer errors in their own words, with the status of the code", async () => {
  const error = new JobWorkerError("failed_precondition", "It has ended");
  const api = new TestApp({
    startJob: () => Promise.reject(error),
    stopJob: () => Promise.reject(error),
    getJob: notFound,
  });
  const start = await api.post("/start/", { command: "ls" });
  assert.equal(start.status, 409);
  assert.deepEqual(await start.json(), { status: "error", jobId: "", error: "It has ended" });
  const stop = await api.post("/stop/", { jobId: JOB_ID });
  assert.equal(stop.status, 409);
  assert.deepEqual(await stop.json(), { status: "error", error: "It has ended" });
  const status = await api.request(`/status/${JOB_ID}`);
  assert.equal(status.status, 404);
  assert.deepEqual(await status.json(), {
    status: "error",
    error: `No job "${JOB_ID}"`,
    jobStatus: null,
  });
  const anonymous = await api.post("/stop/", {}, { Authorization: "" });
  assert.equal(anonymous.status, 401);
  const { status: word, ...rest } = await anonymous.json();
  assert.equal(word, "error");
  assert.deepEqual(Object.keys(rest), ["error"]);
});

Deno.test("/v1/jobs lists with every filter, starts, gets and stops", async () => {
  const lists: ListJobsRequest[] = [];
  const starts: StartJobRequest[] = [];
  const stops: StopJobRequest[] = [];
  const api = new TestApp({
    listJobs(request) {
      lists.push(request);
      return Promise.resolve({ jobs: [JOB, DONE_JOB], nextPageToken: "t" });
    },
    startJob(request) {
      starts.push(request);
      return Promise.resolve(JOB);
    },
    getJob: () => Promise.resolve(DONE_JOB),
    stopJob(request) {
      stops.push(request);
      return Promise.resolve(DONE_JOB);
    },
  });
  const list = await api.request("/v1/jobs");
  assert.equal(list.status, 200);
  assert.deepEqual(await list.json(), { jobs: [RUNNING_JSON, DONE_JSON], nextPageToken: "t" });
  const query = "status=running&status=failed&owner=bob&label=a=1&label=b=x=y&jobIdPrefix=01" +
    "&startedAfter=2023-11-14T22:13:20Z&startedBefore=2023-11-14T23:13:21.5%2B01:00" +
    `&pageSize=7&pageToken=${JOB_ID}`;
  assert.equal((await api.request(`/v1/jobs/?${query}`)).status, 200);
  assert.deepEqual(lists, [{ filter: {}, pageSize: 100, pageToken: "" }, {
    filter: {
      statuses: ["running", "failed"],
      owner: "bob",
      labels: { a: "1", b: "x=y" },
      jobIdPrefix: "01",
      startedAfter: 1_700_000_000_000,
      startedBefore: 1_700_000_001_500,
    },
    pageSize: 7,
    pageToken: JOB_ID,
  }]);

  const request = {
    command: { name: "sh", args: ["-c", ":"], env: { A: "1" }, workingDirectory: "/" },
    labels: { team: "blue" },
    requestId: "r",
    logLimit: { policy: "end_job" },
    execution: { timeoutMs: 1000, limits: { cpus: 0.5 } },
  };
  const start = await api.post("/v1/jobs", request);
  assert.equal(start.status, 201);
  assert.deepEqual(await start.json(), RUNNING_JSON);
  assert.equal((await api.post("/v1/jobs/", { command: { name: "ls" } })).status, 201);
  assert.deepEqual(starts, [request, {
    command: { name: "ls", args: [], env: {}, workingDirectory: "" },
    labels: {},
    requestId: "",
  }]);

  assert.deepEqual(await (await api.request(`/v1/jobs/${JOB_ID}`)).json(), DONE_JSON);

  const stop = await api.request(`/v1/jobs/${JOB_ID}/stop`, { method: "POST" });
  assert.equal(stop.status, 200);
  assert.deepEqual(await stop.json(), DONE_JSON);
  await api.post(`/v1/jobs/${JOB_ID}/stop/`, { stopSignal: "SIGINT", gracePeriodMs: 5 });
  assert.deepEqual(stops, [
    { jobId: JOB_ID, stopSignal: "", gracePeriodMs: null },
    { jobId: JOB_ID, stopSignal: "SIGINT", gracePeriodMs: 5 },
  ]);
});

Deno.test("Errors under /v1/ are problems of RFC 9457", async () => {
  const error = new JobWorkerError("failed_precondition", "No such program", { reason: "ENOENT" });
  const api = new TestApp({
    startJob: () => Promise.reject(error),
    getJob: () => Promise.reject(new TypeError("A secret of ours")),
  });
  const known = await api.post("/v1/jobs", { command: { name: "x" } });
  assert.equal(known.status, 409);
  assert.equal(known.headers.get("content-type"), "application/problem+json");
  assert.deepEqual(await known.json(), {
    type: "about:blank",
    title: "Conflict",
    status: 409,
    detail: "No such program",
    code: "failed_precondition",
    reason: "ENOENT",
  });
  const fault = await api.request(`/v1/jobs/${JOB_ID}`);
  assert.equal(fault.status, 500);
  assert.doesNotMatch(await fault.text(), /secret/);
  assert.equal(api.faults.length, 1);

  const nowhere = await api.request("/v2/jobs");
  assert.equal(nowhere.status, 404);
  assert.equal((await nowhere.json()).code, "not_found");
});

Deno.test("Every path but the open ones wants a user and password, before anything is read", async () => {
  const api = new TestApp();
  const wrong = [
    "",
    "Bearer x",
    "Basic",
    "Basic ???",
    "Basic YWxpY2U=",
    "Basic /w==",
    `${basic("alice", "wrong")}`,
    `${basic("alice", "secret")}, ${basic("alice", "secret")}`,
  ];
  for (const { method, path, ...operation } of Object.values(OPERATIONS)) {
    for (const header of wrong) {
      const response = await api.request(path.replace("{jobId}", JOB_ID), {
        method,
        headers: { Authorization: header, "Content-Type": "text/plain" },
        ...(method === "POST" && {
          body: new ReadableStream({
            pull() {
              throw new Error("The body was read");
            },
          }, { highWaterMark: 0 }),
        }),
      });
      await response.body?.cancel();
      const open = "open" in operation && operation.open;
      assert.equal(response.status, open ? 200 : 401, `${method} ${path} ${header}`);
      if (open) continue;
      assert.match(response.headers.get("www-authenticate") ?? "", /^Basic realm="/);
    }
  }
  assert.deepEqual([...new Set(api.failedLogins)], ["alice 192.0.2.7:5000"]);
});

Deno.test("A wrong method answers 405 with those that there are", async () => {
  const api = new TestApp();
  const wrong: [string, string, string][] = [
    ["GET", "/start/", "POST"],
    ["DELETE", "/start", "POST"],
    ["POST", "/health/", "GET, HEAD"],
    ["PUT", "/v1/jobs", "GET, HEAD, POST"],
    ["OPTIONS", `/v1/jobs/${JOB_ID}`, "GET, HEAD"],
    ["PATCH", `/status/${JOB_ID}/`, "GET, HEAD"],
  ];
  for (const [method, path, allow] of wrong) {
    const response = await api.request(path, { method });
    await response.body?.cancel();
    assert.equal(response.status, 405, `${method} ${path}`);
    assert.equal(response.headers.get("allow"), allow);
  }
  assert.equal((await api.request("/health/", { method: "HEAD" })).status, 200);
});

Deno.test("R-05: bodies that are not plain JSON of the schema are refused", async () => {
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

Deno.test("R-04: a body over 1 MiB is refused while it comes", async () => {
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

Deno.test("R-04: a body of 1 MiB is read, and a byte more is not", async () => {
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

Deno.test("R-06: what is no job id in a path is no job, and goes no further", async () => {
  const api = new TestApp();
  const ids = [
    "..%2f..%2fetc%2fpasswd",
    "%00",
    `${JOB_ID}%00`,
    "%252e%252e%252f",
    "..%5c",
    "x",
    "%ff",
  ];
  ids.push(
    JOB_ID.toUpperCase(),
    `${JOB_ID}%20`,
    `%2e%2e%2f${JOB_ID}`,
    "a".repeat(8000),
    "%e2%80%ae",
  );
  for (const id of ids) {
    for (const path of [`/status/${id}`, `/v1/jobs/${id}`, `/v1/jobs/${id}/logs/`]) {
      const response = await api.request(path);
      assert.equal(response.status, 404, path.slice(0, 80));
      assert.ok((await response.text()).length < 500);
    }
    const stop = await api.request(`/v1/jobs/${id}/stop`, { method: "POST" });
    await stop.body?.cancel();
    assert.equal(stop.status, 404);
  }
});

Deno.test("R-07: what changes something must be meant for us and come from no other site", async () => {
  const api = new TestApp({ startJob: () => Promise.resolve(JOB) });
  const forbidden: Record<string, string>[] = [
    { Host: "evil.test" },
    { Host: "evil.test:8443", Origin: "https://evil.test:8443" },
    { Host: "worker.test.evil.test" },
    { Host: "" },
    { Origin: "https://evil.test" },
    { Origin: "null" },
    { Origin: "http://worker.test" },
    { Origin: "https://worker.test:9999" },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site", Origin: "https://worker.test" },
  ];
  for (const headers of forbidden) {
    const response = await api.post("/start/", { command: "ls" }, headers);
    await response.body?.cancel();
    assert.equal(response.status, 403, JSON.stringify(headers));
  }
  const welcome: Record<string, string>[] = [
    {},
    { Host: "worker.test:8443" },
    { Host: "worker.test:8443", Origin: "https://worker.test:8443" },
    { Origin: "https://worker.test", "Sec-Fetch-Site": "same-origin" },
    { "Sec-Fetch-Site": "none" },
  ];
  for (const headers of welcome) {
    const response = await api.post("/start/", { command: "ls" }, headers);
    await response.body?.cancel();
    assert.equal(response.status, 200, JSON.stringify(headers));
  }
});

Deno.test("R-07: behind a proxy, what changes something must come from one of the public origins", async () => {
  const publicOrigins = ["https://jobs.example", "https://jobs.example:8444"];
  const api = new TestApp({ startJob: () => Promise.resolve(JOB) }, { publicOrigins });
  const statusOf = async (headers: Record<string, string>) => {
    const response = await api.post("/start/", { command: "ls" }, headers);
    await response.body?.cancel();
    return response.status;
  };
  const own = { "Sec-Fetch-Site": "same-origin" };
  const welcome: Record<string, string>[] = [
    // Proxies that pass the host on, and such that put that of the daemon in its place.
    ...["jobs.example", "JOBS.example:443", "worker.test", "worker.test:8443"].flatMap((Host) => [
      { Host },
      { Host, Origin: "https://jobs.example", ...own },
      { Host, Origin: "https://JOBS.example" },
    ]),
    { Host: "jobs.example:8444", Origin: "https://jobs.example:8444", ...own },
    // Still reached directly.
    { Host: "worker.test:8443", Origin: "https://worker.test:8443", ...own },
    { Host: "worker.test:443", Origin: "https://worker.test", ...own },
  ];
  for (const headers of welcome) assert.equal(await statusOf(headers), 200, Deno.inspect(headers));
  const forbidden: Record<string, string>[] = [
    { Host: "evil.example" },
    { Host: "evil.example", Origin: "https://jobs.example" },
    { Host: "evil.example", Origin: "https://evil.example" },
    { Host: "jobs.example.evil.example" },
    { Host: "evil.example@jobs.example" },
    { Host: "jobs.example/evil.example" },
    { Host: "jobs.example:1" },
    ...["jobs.example", "worker.test"].flatMap((Host) => [
      { Host, Origin: "https://evil.example" },
      { Host, Origin: "https://evil.jobs.example" },
      { Host, Origin: "https://jobs.example.evil.example" },
      { Host, Origin: "http://jobs.example" },
      { Host, Origin: "https://jobs.example:1" },
      { Host, Origin: "null" },
      { Host, Origin: "https://jobs.example", "Sec-Fetch-Site": "cross-site" },
      { Host, Origin: "https://jobs.example", "Sec-Fetch-Site": "same-site" },
    ]),
  ];
  for (const headers of forbidden) {
    assert.equal(await statusOf(headers), 403, Deno.inspect(headers));
  }
  const refused = await api.post("/start/", { command: "ls" }, { Origin: "https://other.example" });
  assert.match((await refused.json()).error, /--public-origins/);
});

Deno.test("R-07: no answer is for other sites, to be kept, or to be guessed at", async () => {
  const api = new TestApp({ getJob: () => Promise.resolve(JOB) });
  const paths = ["/health/", "/openapi.json", `/status/${JOB_ID}`, "/status/x", "/nowhere"];
  for (const path of paths) {
    const { headers, body } = await api.request(path, { headers: { Origin: "https://evil.test" } });
    await body?.cancel();
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.deepEqual([...headers.keys()].filter((name) => name.startsWith("access-control")), []);
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
    ["pageSize=1&pageSize=2", /pageSize comes twice/],
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

Deno.test("A query that is wrong is told why as well as a line of the CLI is", async () => {
  const wrong: [string, string][] = [
    ["tail=1e3", 'tail "1e3": must be a whole number from 0 to 1000000000'],
    ["tail=-1", 'tail "-1": must be a whole number from 0 to 1000000000'],
    ["offset=0x10", 'offset "0x10": must be a whole number from 0 to 9007199254740991'],
    [
      "since=2026-02-30T00:00:00Z",
      'since "2026-02-30T00:00:00Z": is no time: the days of 2026-02 go from 1 to 28',
    ],
    [
      "since=2026-07-31T24:00:00Z",
      'since "2026-07-31T24:00:00Z": is no time: hours go from 0 to 23',
    ],
    [
      "since=2026-07-31T09:30:00",
      'since "2026-07-31T09:30:00": has no time zone: did you mean 2026-07-31T09:30:00Z, in UTC, ' +
      "or, say, 2026-07-31T09:30:00+02:00?",
    ],
    ["since=10m", 'since "10m": is no time of RFC 3339, such as 2026-07-31T09:30:00Z'],
    [
      "since=2026-07-31%2009:30:00Z",
      'since "2026-07-31 09:30:00Z": must be a date and time of RFC 3339 with its zone, ' +
      "such as 2026-07-31T09:30:00Z",
    ],
  ];
  const api = new TestApp();
  for (const [query, detail] of wrong) {
    const response = await api.request(`/v1/jobs/${JOB_ID}/logs?${query}`);
    assert.deepEqual((await response.json()).detail, `Invalid ${detail}`);
  }
});

Deno.test("Every call has the signal and the caller of its request", async () => {
  const requests: [JobMethod, string, unknown?][] = [
    ["startJob", "/start/", { command: "ls" }],
    ["stopJob", "/stop/", { jobId: JOB_ID }],
    ["getJob", `/status/${JOB_ID}`],
    ["listJobs", "/v1/jobs"],
    ["startJob", "/v1/jobs", { command: { name: "ls" } }],
    ["getJob", `/v1/jobs/${JOB_ID}`],
    ["stopJob", `/v1/jobs/${JOB_ID}/stop`, {}],
    ["streamLogs", `/v1/jobs/${JOB_ID}/logs`],
    ["streamLogs", `/v1/jobs/${JOB_ID}/logs?follow=1`],
    ["listJobs", "/"],
    ["getJob", `/jobs/${JOB_ID}`],
  ];
  const open = Object.values<Operation>(OPERATIONS).filter((operation) => operation.open === true);
  assert.equal(requests.length, Object.keys(OPERATIONS).length - open.length + 3);
  for (const [method, path, body] of requests) {
    const left = new AbortController();
    const seen: unknown[] = [];
    const api = new TestApp(eachMethod((method, _request, { caller, signal }) => {
      seen.push(method, caller);
      const outcome = abortable(new Promise<never>(() => {}), signal);
      left.abort(new JobWorkerError("cancelled", "The client has left"));
      return outcome;
    }));
    const response = await soon(
      api.request(path, {
        signal: left.signal,
        ...(body !== undefined && {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        }),
      }),
      () => `${path} to be left`,
    );
    assert.equal(response.status, 499, path);
    await response.body?.cancel();
    const peer = "192.0.2.7:5000";
    assert.deepEqual(seen, [method, { identity: ALICE, fingerprint: "", peer }], path);
    assert.deepEqual(api.faults, [], path);
  }
});

Deno.test("A job is told in full, with all that its end has to say", async () => {
  const json = {
    jobId: "01890a5d-ac96-774b-bcce-b302099a8057",
    command: {
      name: "sh",
      args: ["-c", 'exit "$0"', "3"],
      env: { A: "ä", B: "" },
      workingDirectory: "/srv/build",
    },
    status: "cancelled",
    pid: 4711,
    owner: "alice",
    startDate: "2023-11-14T22:13:20.123Z",
    finishDate: "2023-11-14T22:13:21.999Z",
    exitStatus: { signal: "SIGKILL" },
    reason: "log_limit",
    stdoutBytes: 2 ** 40 + 1,
    stderrBytes: 2 ** 40 + 2,
    execution: {
      user: "build",
      umask: "027",
      nice: -5,
      timeoutMs: 90_001,
      gracePeriodMs: 1_502,
      limits: { memoryBytes: 2 ** 33 + 3, cpus: 0.5, processes: 33 },
      hasInput: true,
    },
    containment: "cgroup",
    usage: { cpuMs: 77_004, peakMemoryBytes: 2 ** 33 + 5, oomKills: 2 },
    logLimit: { bytes: 2 ** 33 + 6, policy: "end_job" },
    logBytes: 2 ** 33 + 7,
    labels: { team: "blue", nightly: "" },
    outputTruncated: true,
    detail: "its log is full",
  };
  const api = new TestApp({ getJob: () => Promise.resolve(WHOLE_JOB) });
  assert.deepEqual(await (await api.request(`/v1/jobs/${JOB_ID}`)).json(), json);
});

Deno.test("What may be said of a new job reaches the service as it was said", async () => {
  const starts: StartJobRequest[] = [];
  const api = new TestApp({
    startJob(request) {
      starts.push(request);
      return Promise.resolve(JOB);
    },
  });
  const { hasInput: _, ...execution } = WHOLE_REQUESTS.startJob.execution;
  const request = { ...WHOLE_REQUESTS.startJob, execution };
  const response = await api.post("/v1/jobs", request);
  assert.equal(response.status, 201);
  await response.body?.cancel();
  assert.deepEqual(starts, [request]);
});

Deno.test("A user and password are taken as they are, up to the first colon and from there on", async () => {
  const seen: unknown[] = [];
  const app = restApp(
    fakeService({}),
    {
      login: (credentials) => {
        seen.push(credentials);
        return Promise.resolve({ kind: "refused" });
      },
    },
    {
      isOurHost: () => true,
      publicOrigins: [],
      onFailedLogin: () => {},
      onFault: () => assert.fail(),
    },
  );
  const credentials: [user: string, password: string][] = [
    ["alice", "se:cret:"],
    ["älice", "gehe\nim ü"],
    ["", ""],
    ["alice", ":"],
    ["\ufeffalice", "secret\ufeff"],
  ];
  for (const [user, password] of credentials) {
    for (const scheme of ["Basic ", "basic ", "BASIC   "]) {
      const headers = { Authorization: basic(user, password).replace("Basic ", scheme) };
      const env = { address: "192.0.2.7", peer: "192.0.2.7:5000", openEnded: () => {} };
      const response = await app.request("/v1/jobs", { headers }, env);
      assert.equal(response.status, 401);
      await response.body?.cancel();
      assert.deepEqual(seen.pop(), { user, password });
    }
  }
});

Deno.test("A login that is throttled answers 429 with the time to wait", async () => {
  const app = restApp(
    fakeService({}),
    { login: () => Promise.resolve({ kind: "throttled", retryAfterMs: 1500 }) },
    {
      isOurHost: () => true,
      publicOrigins: [],
      onFailedLogin: () => assert.fail(),
      onFault: () => assert.fail(),
    },
  );
  const response = await app.request("/v1/jobs", { headers: { Authorization: basic("a", "b") } }, {
    address: "192.0.2.7",
    peer: "192.0.2.7:5000",
    openEnded: () => {},
    addTrailer: () => {},
  });
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "2");
  assert.equal((await response.json()).code, "resource_exhausted");
});
