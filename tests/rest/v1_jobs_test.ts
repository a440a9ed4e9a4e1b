import type {
  ListJobsRequest,
  StartJobRequest,
  StopJobRequest,
} from "../../lib/service/job_service.ts";
import { NO_JOBS } from "../../lib/job/status_counts.ts";
import { assert } from "../assert.ts";
import { WHOLE_JOB, WHOLE_REQUESTS } from "../service/samples.ts";
import { DONE_JOB, JOB, JOB_ID, TestApp } from "./fixture.ts";

const RUNNING_JSON = {
  jobId: JOB_ID,
  command: { name: "sh", args: ["-c", "exit 3"], env: { A: "ä" }, workingDirectory: "/tmp" },
  status: "running",
  pid: 4711,
  owner: "alice",
  name: "",
  queueDate: null,
  queue: null,
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

Deno.test("/v1/jobs lists with every filter, starts, gets and stops", async () => {
  const lists: ListJobsRequest[] = [];
  const starts: StartJobRequest[] = [];
  const stops: StopJobRequest[] = [];
  const api = new TestApp({
    listJobs(request) {
      lists.push(request);
      return Promise.resolve({
        jobs: [JOB, DONE_JOB],
        nextPageToken: "t",
        ...(request.counts && { counts: NO_JOBS }),
      });
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
  const query =
    "status=running&status=failed&owner=bob&label=a=1&label=b=x=y&jobIdPrefix=01&name=n.1&jobIdSuffix=0-ff&own=1" +
    "&startedAfter=2023-11-14T22:13:20Z&startedBefore=2023-11-14T23:13:21.5%2B01:00" +
    `&counts=1&pageSize=7&pageToken=${JOB_ID}`;
  const asked = await api.request(`/v1/jobs/?${query}`);
  assert.deepEqual((await asked.json()).counts, NO_JOBS);
  assert.deepEqual(lists, [{ filter: {}, pageSize: 100, pageToken: "" }, {
    filter: {
      statuses: ["running", "failed"],
      owner: "bob",
      labels: { a: "1", b: "x=y" },
      jobIdPrefix: "01",
      jobIdSuffix: "0-ff",
      name: "n.1",
      startedAfter: 1_700_000_000_000,
      startedBefore: 1_700_000_001_500,
    },
    own: true,
    counts: true,
    pageSize: 7,
    pageToken: JOB_ID,
  }]);

  const request = {
    command: { name: "sh", args: ["-c", ":"], env: { A: "1" }, workingDirectory: "/" },
    labels: { team: "blue" },
    name: "nightly",
    requestId: "r",
    logLimit: { policy: "end_job" },
    execution: { timeoutMs: 1000, limits: { cpus: 0.5 } },
    queue: true,
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
    name: "nightly.build",
    queueDate: "2023-11-14T22:13:20.007Z",
    queue: { position: 38, length: 39, reason: "too many run" },
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
    notify: { url: "https://hooks.example/other?of=bob", state: "delivered" },
    detail: "its log is full",
    host: "web-1",
    on: { host: "web-12", labels: { zone: "sa", spare: "" } },
    asOf: "2023-11-14T22:13:20.012Z",
  };
  const api = new TestApp({ getJob: () => Promise.resolve(WHOLE_JOB) });
  assert.deepEqual(await (await api.request(`/v1/jobs/${JOB_ID}`)).json(), json);
});

Deno.test("Every field of a new job reaches the service as it was sent", async () => {
  const starts: StartJobRequest[] = [];
  const api = new TestApp({
    startJob(request) {
      starts.push(request);
      return Promise.resolve(JOB);
    },
  });
  const request = WHOLE_REQUESTS.startJob;
  const response = await api.post("/v1/jobs", request);
  assert.equal(response.status, 201);
  await response.body?.cancel();
  assert.deepEqual(starts, [request]);
});
