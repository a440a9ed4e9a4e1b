import type { Host, JobClient } from "../../lib/cli/job_client.ts";
import { DONE, JOB_ID, jobOf } from "./fake_daemon.ts";

/** A method that the command line calls. */
export type Method = Exclude<keyof JobClient, symbol>;
export type Call = readonly [method: Method, request: unknown];

export const OTHER_ID = JOB_ID.replace("0199a1b2", "0199a1b3");
export const DONE_JOB = jobOf({ end: DONE });
/** The only one of the fleet. */
export const HOST: Host = {
  ...{ name: "web-1", state: "online", labels: {}, slots: 1, running: 0, queued: 0, load: 0 },
  ...{ version: "", heardAt: null, detail: "" },
};
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

const NEW_JOB = {
  command: { name: "sh", args: ["-c", "x"], env: { A: "1", B: "" }, workingDirectory: "/srv" },
  labels: { k: "v", n: "" },
  name: "nightly",
  requestId: "once",
  logLimit: { bytes: 2 * 1024 ** 2, policy: "end_job" },
  execution: {
    user: "build",
    umask: "027",
    nice: -5,
    timeoutMs: 90_000,
    gracePeriodMs: 5_000,
    limits: { memoryBytes: 1024 ** 3, cpus: 0.5, processes: 33 },
  },
  queue: true,
};
const { requestId: _, name: __, ...MANY_JOBS } = NEW_JOB;
const MANY_JOBS_OPTIONS =
  "--env A=1 --env B= --cwd /srv --label k=v --label n= --request-id once " +
  "--queue " +
  "--log-limit 2MiB --log-policy end-job --timeout 90s --grace 5s --user build --umask 027 " +
  "--nice -5 --memory 1GiB --cpus 0.5 --processes 33";
const NEW_JOB_OPTIONS = `${MANY_JOBS_OPTIONS} --name nightly`;
const IN_FLEET = {
  command: { name: "true", args: [], env: {}, workingDirectory: "" },
  labels: {},
  requestId: "",
  queue: false,
  on: { host: "", labels: { role: "web", zone: "eu" } },
  priority: -5,
  ifHostLost: "rerun",
};
const NOTIFYING = {
  command: IN_FLEET.command,
  labels: {},
  requestId: "",
  notify: "https://hooks.example/x",
};
const WHOLE_LOG = { streams: [], follow: true, start: { kind: "offset", offset: 0 } };

/** Lines with all their options, and the calls that come of each. */
export const LINES: Readonly<Record<string, readonly Call[]>> = {
  [`start ${NEW_JOB_OPTIONS} -- sh -c x`]: [["startJob", NEW_JOB]],
  [`run ${NEW_JOB_OPTIONS} -- sh -c x`]: [
    ["startJob", NEW_JOB],
    ["streamLogs", { jobId: JOB_ID, ...WHOLE_LOG }],
  ],
  [`restart ${JOB_ID}`]: [["getJob", { jobId: JOB_ID }], ["startJob", {
    command: DONE_JOB.command,
    labels: {},
    requestId: "",
    logLimit: DONE_JOB.logLimit,
    execution: {
      umask: "",
      nice: 0,
      timeoutMs: 0,
      gracePeriodMs: 10_000,
      limits: {},
      hasInput: false,
    },
  }]],
  [`stop ${JOB_ID} --signal INT --grace 1500ms`]: [
    ["stopJob", { jobId: JOB_ID, stopSignal: "INT", gracePeriodMs: 1_500 }],
  ],
  "stop --all --owner bob --label a=1 --signal HUP --grace 2s": [
    ["listJobs", {
      filter: { statuses: ["queued", "running"], owner: "bob", labels: { a: "1" } },
      pageSize: 1_000,
      pageToken: "",
    }],
    ["stopJob", { jobId: JOB_ID, stopSignal: "HUP", gracePeriodMs: 2_000 }],
    ["stopJob", { jobId: OTHER_ID, stopSignal: "HUP", gracePeriodMs: 2_000 }],
  ],
  [`signal ${JOB_ID} USR1`]: [["signalJob", { jobId: JOB_ID, signal: "USR1" }]],
  [`update ${JOB_ID} --timeout 2h`]: [["updateJob", { jobId: JOB_ID, timeoutMs: 2 * hour }]],
  [`update ${JOB_ID} --timeout none`]: [["updateJob", { jobId: JOB_ID, timeoutMs: 0 }]],
  [`status ${JOB_ID}`]: [["getJob", { jobId: JOB_ID }]],
  [`output ${JOB_ID}`]: [["streamLogs", { jobId: JOB_ID, ...WHOLE_LOG }]],
  [`logs stderr ${JOB_ID} --follow --tail 3`]: [["streamLogs", {
    jobId: JOB_ID,
    streams: ["stderr"],
    follow: true,
    start: { kind: "tail", lines: 3 },
  }]],
  [`logs all ${JOB_ID} --since @5`]: [["streamLogs", {
    jobId: JOB_ID,
    streams: [],
    follow: false,
    start: { kind: "since", time: 5_000 },
  }]],
  "list done --owner bob --label a=1 --since @5 --until @6 --host web-1 --name weekly --limit 7": [[
    "listJobs",
    {
      filter: {
        statuses: ["done"],
        owner: "bob",
        labels: { a: "1" },
        startedAfter: 5_000,
        startedBefore: 6_000,
        name: "weekly",
        host: "web-1",
      },
      pageSize: 7,
      pageToken: "",
    },
  ]],
  "list running --watch --label a=1 --limit 7": [
    ["listJobs", {
      filter: { statuses: ["running"], labels: { a: "1" } },
      pageSize: 7,
      pageToken: "",
    }],
    ["watchJobs", { filter: { statuses: ["running"], labels: { a: "1" } } }],
  ],
  "hosts --on web-1": [["listHosts", { on: { host: "web-1", labels: {} } }]],
  "start --on role=web,zone=eu --queue=false --priority -5 --if-host-lost rerun -- true": [
    ["startJob", IN_FLEET],
  ],
  "run --on role=web,zone=eu --queue=false --priority -5 --if-host-lost rerun -- true": [
    ["startJob", IN_FLEET],
    ["streamLogs", { jobId: JOB_ID, ...WHOLE_LOG }],
  ],
  "start --notify https://hooks.example/x -- true": [["startJob", NOTIFYING]],
  "run --notify https://hooks.example/x -- true": [
    ["startJob", NOTIFYING],
    ["streamLogs", { jobId: JOB_ID, ...WHOLE_LOG }],
  ],
  [`run --on role=web --all ${MANY_JOBS_OPTIONS} -- sh -c x`]: [
    ["listHosts", { on: { host: "", labels: { role: "web" } } }],
    ["runJobs", {
      ...MANY_JOBS,
      targets: [{ host: "web-1", requestId: "once:web-1", jobId: "", offset: 0 }],
    }],
  ],
  [`wait ${JOB_ID}`]: [["waitJob", { jobId: JOB_ID }]],
  "prune --older-than 30d --keep 5 --keep-bytes 1GiB --owner bob --dry-run": [["pruneJobs", {
    maxAgeMs: 30 * day,
    maxCount: 5,
    maxBytes: 1024 ** 3,
    owner: "bob",
    dryRun: true,
  }]],
  [`prune --older-than 1m`]: [["pruneJobs", { maxAgeMs: minute, owner: "", dryRun: false }]],
  "audit --user dora --job 0189 --method startJob --denied --since @5 --follow": [["streamAudit", {
    user: "dora",
    jobIdPrefix: "0189",
    method: "startJob",
    deniedOnly: true,
    since: 5_000,
    follow: true,
    position: "",
  }]],
  "health": [["checkHealth", undefined]],
};
