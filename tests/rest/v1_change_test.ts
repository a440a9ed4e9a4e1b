/** What changes a job over `/v1/`: its signals, its time, its input, and its removal. */

import { jobJson } from "../../lib/job/job_json.ts";
import { assert } from "../assert.ts";
import { WHOLE_ANSWERS, WHOLE_JOB, WHOLE_REQUESTS } from "../service/samples.ts";
import { JOB, JOB_ID, TestApp } from "./fixture.ts";

const INPUT = `/v1/jobs/${JOB_ID}/input`;
const MIB = 1024 * 1024;

/** An application of which every method notes what it was asked. */
function recorder() {
  const asked: unknown[] = [];
  const answer = <T>(value: T) => (request: unknown) => {
    asked.push(request);
    return Promise.resolve(value);
  };
  const api = new TestApp({
    signalJob: answer(JOB),
    updateJob: answer(JOB),
    writeInput: answer(WHOLE_ANSWERS.writeInput),
    pruneJobs: answer(WHOLE_ANSWERS.pruneJobs),
  });
  return { api, asked };
}

async function sendInput(
  api: TestApp,
  query: string,
  body?: BodyInit,
  type = "application/octet-stream",
): Promise<Response> {
  return await api.request(`${INPUT}?${query}`, {
    method: "POST",
    ...(type !== "" && { headers: { "Content-Type": type } }),
    ...(body !== undefined && { body }),
  });
}

Deno.test("A signal, another time and a removal reach the service as they were sent", async () => {
  const { api, asked } = recorder();
  const { jobId: _, ...signal } = WHOLE_REQUESTS.signalJob;
  const { jobId: __, ...update } = WHOLE_REQUESTS.updateJob;
  const job = JSON.parse(JSON.stringify(jobJson(JOB)));
  const signalled = await api.post(`/v1/jobs/${JOB_ID}/signal`, signal);
  assert.deepEqual([signalled.status, await signalled.json()], [200, job]);
  const updated = await api.request(`/v1/jobs/${JOB_ID}`, {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(update),
  });
  assert.deepEqual([updated.status, await updated.json()], [200, job]);
  const pruned = await api.post("/v1/prune", WHOLE_REQUESTS.pruneJobs);
  assert.deepEqual([pruned.status, await pruned.json()], [200, {
    jobs: [JSON.parse(JSON.stringify(jobJson(WHOLE_JOB)))],
    count: WHOLE_ANSWERS.pruneJobs.count,
    bytes: WHOLE_ANSWERS.pruneJobs.bytes,
  }]);
  await (await api.post("/v1/prune", { maxCount: 3 })).body?.cancel();
  assert.deepEqual(asked, [
    WHOLE_REQUESTS.signalJob,
    WHOLE_REQUESTS.updateJob,
    WHOLE_REQUESTS.pruneJobs,
    { maxCount: 3, dryRun: false, owner: "" },
  ]);
});

Deno.test("The input of a job is the body as it is, behind what came before", async () => {
  const { api, asked } = recorder();
  const { offset, data } = WHOLE_REQUESTS.writeInput;
  const written = await sendInput(api, `offset=${offset}&end=1`, data);
  assert.deepEqual([written.status, await written.json()], [200, WHOLE_ANSWERS.writeInput]);
  // It lasts until the job has taken it.
  assert.equal(api.openEnded, 1);
  const ended = await sendInput(api, "offset=5&end=true", undefined, "");
  assert.equal(ended.status, 200);
  await ended.body?.cancel();
  const largest = await sendInput(api, "offset=0", new Uint8Array(MIB));
  assert.equal(largest.status, 200);
  await largest.body?.cancel();
  assert.deepEqual(asked, [
    WHOLE_REQUESTS.writeInput,
    { jobId: JOB_ID, offset: 5, data: new Uint8Array(), end: true },
    { jobId: JOB_ID, offset: 0, data: new Uint8Array(MIB), end: false },
  ]);
});

Deno.test("Input that cannot be told from something else is refused, and no job has a part of it", async () => {
  const { api, asked } = recorder();
  // A second request without an offset would look like a repeat of the first.
  const refused: [
    number,
    RegExp,
    ...Parameters<typeof sendInput> extends [unknown, ...infer R] ? R
      : never,
  ][] = [
    [400, /^Missing offset/, "end=1", "a"],
    [413, /more than 1048576 bytes/, "offset=0", new Uint8Array(MIB + 1)],
    [415, /application\/octet-stream/, "offset=0", "a", "application/json"],
    [413, /more than 0 bytes/, "offset=0", new Uint8Array(1), ""],
  ];
  for (const [status, words, ...request] of refused) {
    const response = await sendInput(api, ...request);
    const { detail } = await response.json();
    assert.deepEqual([response.status, words.test(detail)], [status, true], detail);
  }
  assert.deepEqual(asked, []);
});
