/** What is read over `/v1/` beside jobs and their logs: their ends, pages of their output, and hosts. */

import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { CallContext } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { WHOLE_ANSWERS, WHOLE_REQUESTS } from "../service/samples.ts";
import { DONE_JOB, JOB, JOB_ID, TestApp } from "./fixture.ts";

/** An application with a job that never ends. */
function appOfEndless() {
  const waiting = Promise.withResolvers<CallContext>();
  const left = Promise.withResolvers<unknown>();
  const api = new TestApp({
    async waitJob(_, context) {
      waiting.resolve(context);
      try {
        return await abortable(new Promise<never>(() => {}), context.signal);
      } catch (error) {
        left.resolve(error);
        throw error;
      }
    },
    getJob: () => Promise.resolve(JOB),
  });
  return { api, waiting: waiting.promise, left: left.promise };
}

Deno.test("?wait is answered when the job has ended", async () => {
  const api = new TestApp({ waitJob: () => Promise.resolve(DONE_JOB) });
  const response = await api.request(`/v1/jobs/${JOB_ID}?wait=30s`);
  assert.equal((await response.json()).status, "done");
  // A shutdown does not wait for it.
  assert.equal(api.openEnded, 1);
});

Deno.test("?wait is answered when its time is over, with the job as it is then", async () => {
  for (const [wait, ms] of [["2s", 2_000], ["5m", 300_000]] as const) {
    const { api, waiting, left } = appOfEndless();
    using timers = new FakeTimers();
    let answered = false;
    const answer = api.request(`/v1/jobs/${JOB_ID}?wait=${wait}`);
    answer.finally(() => answered = true);
    await waiting;
    timers.pass(ms - 1);
    for (let turn = 0; turn < 100; turn++) await null;
    assert.equal(answered, false);
    timers.pass(1);
    const response = await answer;
    assert.equal(response.status, 200);
    assert.equal((await response.json()).status, "running");
    await left;
    assert.equal(timers.pending, 0);
  }
});

Deno.test("?wait ends when its caller leaves, and by its own errors", async () => {
  const { api, waiting, left } = appOfEndless();
  const leaving = new AbortController();
  const answer = api.request(`/v1/jobs/${JOB_ID}?wait=5m`, { signal: leaving.signal });
  await waiting;
  const reason = new JobWorkerError("cancelled", "The client has left");
  leaving.abort(reason);
  assert.equal(await left, reason);
  const response = await answer;
  await response.body?.cancel();
  assert.equal(response.status, 499);

  const missing = new TestApp({
    waitJob: () => Promise.reject(new JobWorkerError("not_found", "No such job")),
  });
  const refused = await missing.request(`/v1/jobs/${JOB_ID}?wait=1s`);
  await refused.body?.cancel();
  assert.equal(refused.status, 404);
});

Deno.test("A page of output says all that gRPC's does", async () => {
  const asked: unknown[] = [];
  const api = new TestApp({
    getLogs(request) {
      asked.push(request);
      return Promise.resolve(WHOLE_ANSWERS.getLogs);
    },
  });
  const { offset, endOffset, maxBytes } = WHOLE_REQUESTS.getLogs;
  const query = `stream=stderr&offset=${offset}&end=${endOffset}&maxBytes=${maxBytes}`;
  const page = await (await api.request(`/v1/jobs/${JOB_ID}/output?${query}`)).json();
  const { stdout, stderr, ...rest } = WHOLE_ANSWERS.getLogs;
  assert.deepEqual(page, { ...rest, stdout: stdout.toBase64(), stderr: stderr.toBase64() });
  await (await api.request(`/v1/jobs/${JOB_ID}/output`)).body?.cancel();
  assert.deepEqual(asked, [WHOLE_REQUESTS.getLogs, {
    jobId: JOB_ID,
    streams: [],
    offset: 0,
    maxBytes: 0,
  }]);
});

Deno.test("The hosts of a fleet are told in full, and chosen as by gRPC", async () => {
  const asked: unknown[] = [];
  const api = new TestApp({
    listHosts(request) {
      asked.push(request);
      return Promise.resolve(WHOLE_ANSWERS.listHosts);
    },
  });
  const { hosts } = await (await api.request("/v1/hosts")).json();
  assert.deepEqual(hosts[0], {
    name: "web-4",
    state: "offline",
    labels: { zone: "us", spare: "" },
    slots: 41,
    running: 42,
    queued: 43,
    load: 0.44,
    version: "1.2.3",
    detail: "nobody answers",
    heardDate: "2023-11-14T22:13:20.013Z",
  });
  assert.equal(hosts[1].heardDate, null);
  const query = "host=web-6&label=zone=af&label=spare=";
  await (await api.request(`/v1/hosts?${query}`)).body?.cancel();
  assert.deepEqual(asked, [{}, WHOLE_REQUESTS.listHosts]);
});
