import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { jobJson } from "../../lib/job/job_json.ts";
import type { Job, JobService, WatchJobsRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { WHOLE_REQUESTS } from "../service/samples.ts";
import { soon } from "../soon.ts";
import { ALICE, DONE_JOB, JOB, TestApp } from "./fixture.ts";
import { settled } from "./log_answer_fixture.ts";

const RUNNING_LINE = JSON.stringify(jobJson(JOB));
const DONE_LINE = JSON.stringify(jobJson(DONE_JOB));

/** An application with these jobs, what it was asked, and how often it was asked for the next one. */
function appOf(jobs: readonly Job[], then: (signal: AbortSignal) => Promise<void>) {
  const requests: WatchJobsRequest[] = [];
  let taken = 0;
  const watchJobs: JobService["watchJobs"] = async function* (request, { signal }) {
    requests.push(request);
    for (const job of jobs) {
      taken++;
      yield job;
    }
    await then(signal);
  };
  return { api: new TestApp({ watchJobs }), requests, taken: () => taken };
}

const forEver = (signal: AbortSignal) => abortable(new Promise<never>(() => {}), signal);

Deno.test("GET /v1/watch has an event for each job, by every filter that lists have", async () => {
  const { api, requests } = appOf([JOB, DONE_JOB], () => Promise.resolve());
  const query =
    "status=running&status=failed&owner=bob&label=team=red&label=nightly=&host=web-2&name=weekly&jobIdSuffix=8057" +
    "&newest=54&jobIdPrefix=0189&startedAfter=2023-11-14T22:13:20.001Z&startedBefore=2023-11-14T22:13:20.002Z";
  const response = await api.request(`/v1/watch?${query}`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.deepEqual((await response.text()).split("\n\n"), [
    ":",
    `data: ${RUNNING_LINE}`,
    `data: ${DONE_LINE}`,
    "event: end\ndata: {}",
    "",
  ]);
  assert.deepEqual(requests, [WHOLE_REQUESTS.watchJobs]);
  assert.equal(api.openEnded, 1);
});

Deno.test("GET /v1/watch has a line for each job, if the client asks for lines", async () => {
  const { api } = appOf([JOB, DONE_JOB], () => {
    throw new JobWorkerError("unavailable", "The daemon ends");
  });
  const headers = { Accept: "application/x-ndjson" };
  const lines = (await (await api.request("/v1/watch", { headers })).text()).split("\n");
  assert.deepEqual(lines.slice(0, 2), [RUNNING_LINE, DONE_LINE]);
  assert.equal(JSON.parse(lines[2] ?? "").error.code, "unavailable");
});

Deno.test("A watch begins although there is no job, shows that it goes on, and ends when its reader leaves", async () => {
  const left = Promise.withResolvers<void>();
  const { api } = appOf([], async (signal) => {
    signal.addEventListener("abort", () => left.resolve());
    await forEver(signal);
  });
  const response = await api.request("/v1/watch");
  assert.equal(response.status, 200);
  const reader = response.body?.getReader() ?? assert.fail("It has no body");
  const piece = async () => new TextDecoder().decode((await reader.read()).value);
  assert.equal(await piece(), ":\n\n");
  {
    using timers = new FakeTimers();
    const next = piece();
    await settled();
    timers.pass(15_000);
    assert.equal(await next, ":\n\n");
  }
  await reader.cancel();
  await soon(left.promise, () => "the watch to be left");
});

Deno.test("No job is asked for before there is room for it", async () => {
  const many = Array.from({ length: 1_000 }, () => JOB);
  const { api, taken } = appOf(many, forEver);
  const reader = (await api.request("/v1/watch")).body?.getReader() ?? assert.fail("No body");
  for (let piece = 0; piece < 4; piece++) await reader.read();
  await settled();
  // The first piece is a comment, and one job may be on its way.
  assert.ok(taken() <= 4, `${taken()} were asked for`);
  await reader.cancel();
});

Deno.test("Who may see no job learns so by the status, and others of a failure by an event", async () => {
  const denied = new JobWorkerError("permission_denied", "You may not");
  const refuse = () => {
    throw denied;
  };
  const identity = { ...ALICE, roles: [] };
  const login = { login: () => Promise.resolve({ kind: "accepted", identity } as const) };
  // deno-lint-ignore require-yield -- it fails first
  const watchJobs = async function* () {
    throw await Promise.resolve(denied);
  };
  const nobody = new TestApp({ watchJobs }, {}, login);
  const response = await nobody.request("/v1/watch");
  assert.equal(response.status, 403);
  assert.equal((await response.json()).detail, denied.message);

  const { api } = appOf([JOB], refuse);
  const text = await (await api.request("/v1/watch")).text();
  assert.match(text, /\n\nevent: problem\ndata: \{.*"code":"permission_denied"\}\n\n$/);
});
