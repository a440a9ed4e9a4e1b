import { auditJson } from "../../lib/job/audit_record.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { AuditBatch, JobService, StreamAuditRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { WHOLE_RECORD } from "../service/samples.ts";
import { TestApp } from "./fixture.ts";

const EMPTY: AuditBatch = { records: [], position: "" };
const GAP = '{"gap":{"from":"1970-01-01T00:00:00.000Z","to":"1970-01-01T00:00:01.000Z"}}';
const LINE = JSON.stringify(auditJson(WHOLE_RECORD));

/** An application whose service answers so, and what it was asked. */
function appOf(answer: (signal: AbortSignal) => AsyncIterable<AuditBatch>) {
  const requests: StreamAuditRequest[] = [];
  const streamAudit: JobService["streamAudit"] = (request, { signal }) => {
    requests.push(request);
    return answer(signal);
  };
  return { api: new TestApp({ streamAudit }), requests };
}

Deno.test("GET /v1/audit has a line of JSON for each line, as the trail has it", async () => {
  const { api, requests } = appOf(async function* () {
    yield await Promise.resolve(EMPTY);
    yield { records: [WHOLE_RECORD, WHOLE_RECORD], position: "x" };
    yield { records: [WHOLE_RECORD], position: "x", gap: { from: 0, to: 1_000 } };
  });
  const query =
    "user=dora&jobIdPrefix=0189&method=login&denied=1&since=1970-01-01T00:00:05Z&follow=1";
  const response = await api.request(`/v1/audit?${query}`);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  assert.equal(await response.text(), `${LINE}\n${LINE}\n${GAP}\n${LINE}\n`);
  assert.deepEqual(requests, [{
    user: "dora",
    jobIdPrefix: "0189",
    method: "login",
    deniedOnly: true,
    since: 5_000,
    follow: true,
    position: "",
  }]);
  assert.equal(api.openEnded, 1);
});

Deno.test("GET /v1/audit answers by its status what is refused, and by a last line what goes wrong later", async () => {
  const error = new JobWorkerError("permission_denied", "Permission denied: no");
  // deno-lint-ignore require-yield -- it fails first
  const refused = appOf(async function* () {
    throw await Promise.resolve(error);
  });
  const response = await refused.api.request("/v1/audit");
  assert.equal(response.status, 403);
  assert.equal((await response.json()).detail, error.message);

  const { api } = appOf(async function* () {
    yield await Promise.resolve(EMPTY);
    yield { records: [WHOLE_RECORD], position: "x" };
    throw error;
  });
  const [line, last = ""] = (await (await api.request("/v1/audit")).text()).split("\n");
  assert.equal(line, LINE);
  assert.equal(JSON.parse(last).error.code, "permission_denied");
});

Deno.test("GET /v1/audit has an event for each batch, and continues from the id of one", async () => {
  const { api, requests } = appOf(async function* () {
    yield await Promise.resolve(EMPTY);
    yield { records: [WHOLE_RECORD, WHOLE_RECORD], position: "0123456789abcdef:32" };
    yield { records: [], position: "0123456789abcdef:33" };
    yield { records: [WHOLE_RECORD], position: "0123456789abcdef:34", gap: { from: 0, to: 1_000 } };
  });
  const events = async (headers: HeadersInit) =>
    await api.request("/v1/audit", { headers: { Accept: "text/event-stream", ...headers } });
  const response = await events({});
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.deepEqual((await response.text()).split("\n\n"), [
    ":",
    `id: 0123456789abcdef:32\ndata: ${LINE}\ndata: ${LINE}`,
    "id: 0123456789abcdef:33",
    `id: 0123456789abcdef:34\ndata: ${GAP}\ndata: ${LINE}`,
    "event: end\ndata: {}",
    "",
  ]);
  await (await events({ "Last-Event-ID": "0123456789abcdef:32" })).body?.cancel();
  assert.deepEqual(requests.map(({ position }) => position), ["", "0123456789abcdef:32"]);
  const refused = await events({ "Last-Event-ID": "382" });
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).detail, /^Invalid Last-Event-ID/);
});

Deno.test("GET /v1/audit?follow=1 sends an empty line in silences, and ends when its reader leaves", async () => {
  const left = Promise.withResolvers<void>();
  const { api } = appOf(async function* (signal) {
    signal.addEventListener("abort", () => left.resolve());
    yield EMPTY;
    await left.promise;
  });
  const response = await api.request("/v1/audit?follow=1");
  const reader = response.body?.getReader() ?? assert.fail("It has no body");
  {
    using timers = new FakeTimers();
    const read = reader.read();
    // The timer is set a few turns later.
    for (let turn = 0; turn < 100; turn++) await null;
    timers.pass(15_000);
    assert.equal(new TextDecoder().decode((await read).value), "\n");
  }
  await reader.cancel();
  await left.promise;
});
