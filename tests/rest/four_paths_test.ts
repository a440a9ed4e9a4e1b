import { JobWorkerError } from "../../lib/errors.ts";
import type {
  CallContext,
  StartJobRequest,
  StopJobRequest,
} from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { ALICE, DONE_JOB, JOB, JOB_ID, TestApp } from "./fixture.ts";

const notFound = () => Promise.reject(new JobWorkerError("not_found", `No job "${JOB_ID}"`));

for (const slash of ["", "/"]) {
  Deno.test(`The four paths answer as their contract says, ${slash ? "with" : "without"} a final slash`, async () => {
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
      queue: false,
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
