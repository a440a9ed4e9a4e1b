import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import {
  JOB_METHODS,
  type JobMethod,
  METHODS,
  operationIn,
  type RestForm,
} from "../../lib/service/methods.ts";
import { OPERATIONS } from "../../lib/rest/operations.ts";
import { assert } from "../assert.ts";
import { eachMethod } from "../service/samples.ts";
import { soon } from "../soon.ts";
import { ALICE, JOB, JOB_ID, TestApp } from "./fixture.ts";

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

Deno.test("A wrong method answers 405 with those that are allowed", async () => {
  const api = new TestApp();
  const wrong: [string, string, string][] = [
    ["GET", "/start/", "POST"],
    ["DELETE", "/start", "POST"],
    ["POST", "/health/", "GET, HEAD"],
    ["PUT", "/v1/jobs", "GET, HEAD, POST"],
    ["OPTIONS", `/v1/jobs/${JOB_ID}`, "GET, HEAD, PATCH"],
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

Deno.test("What is no job id in a path is no job, and goes no further", async () => {
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

Deno.test("No answer is for other sites, to be kept, or to be guessed at", async () => {
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

/** For each operation that METHODS names a path and, if it takes one, a body. */
const SAMPLES: Readonly<Record<RestForm, readonly [path: string, body?: unknown]>> = {
  start: ["/start/", { command: "ls" }],
  stop: ["/stop/", { jobId: JOB_ID }],
  status: [`/status/${JOB_ID}`],
  listJobs: ["/v1/jobs"],
  watchJobs: ["/v1/watch"],
  startJob: ["/v1/jobs", { command: { name: "ls" } }],
  getJob: [`/v1/jobs/${JOB_ID}`],
  "getJob?wait=30s": [`/v1/jobs/${JOB_ID}?wait=30s`],
  stopJob: [`/v1/jobs/${JOB_ID}/stop`, {}],
  signalJob: [`/v1/jobs/${JOB_ID}/signal`, { signal: "HUP" }],
  updateJob: [`/v1/jobs/${JOB_ID}`, { timeoutMs: 1000 }],
  writeInput: [`/v1/jobs/${JOB_ID}/input?offset=0`, "input"],
  readOutput: [`/v1/jobs/${JOB_ID}/output`],
  pruneJobs: ["/v1/prune", { maxCount: 0 }],
  listHosts: ["/v1/hosts"],
  readLog: [`/v1/jobs/${JOB_ID}/logs`],
  readAudit: ["/v1/audit"],
};

Deno.test("Every operation calls its method, with the signal and the caller of its request", async () => {
  const requests: [JobMethod, verb: string, path: string, body?: unknown][] = [
    ...JOB_METHODS.flatMap((method) =>
      METHODS[method].rest.map((form: RestForm): typeof requests[number] => [
        method,
        OPERATIONS[operationIn(form)].method,
        ...SAMPLES[form],
      ])
    ),
    ["streamLogs", "GET", `/v1/jobs/${JOB_ID}/logs?follow=1`],
    ["streamAudit", "GET", "/v1/audit?follow=1"],
    ["listJobs", "GET", "/"],
    ["getJob", "GET", `/jobs/${JOB_ID}`],
  ];
  for (const [method, verb, path, body] of requests) {
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
        method: verb,
        ...(typeof body === "string"
          ? { headers: { "Content-Type": "application/octet-stream" }, body }
          : body !== undefined && {
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify(body),
          }),
      }),
      () => `${path} to be left`,
    );
    // The answer to a watch begins before there is anything to say.
    assert.equal(response.status, method === "watchJobs" ? 200 : 499, path);
    await response.text();
    const peer = "192.0.2.7:5000";
    const call = [method, { identity: ALICE, fingerprint: "", peer }];
    assert.deepEqual(seen, call, path);
    assert.deepEqual(api.faults, [], path);
  }
});
