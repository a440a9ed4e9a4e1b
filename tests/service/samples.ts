/**
 * A request and an answer of each method of `JobService` in which every field says something, and
 * something else than all other fields: one that is dropped on its way, or takes the place of
 * another, shows.
 *
 * @module
 */

import type { Whole } from "../../lib/service/alike.ts";
import type {
  AuditRecord,
  CallContext,
  JobService,
  RunJobsResponse,
} from "../../lib/service/job_service.ts";
import { isStream, JOB_METHODS, type JobMethod } from "../../lib/service/methods.ts";
import type { Job } from "../../lib/job/types.ts";

type Awaitable<T> = T extends Promise<infer Value> ? Value
  : T extends AsyncIterable<infer Item> ? readonly Item[]
  : never;

const JOB_ID = "01890a5d-ac96-774b-bcce-b302099a8057";

/** A job that has ended. */
export const WHOLE_JOB = {
  jobId: JOB_ID,
  command: {
    name: "sh",
    args: ["-c", 'exit "$0"', "3"],
    env: { A: "ä", B: "" },
    workingDirectory: "/srv/build",
  },
  pid: 4711,
  owner: "alice",
  name: "nightly.build",
  labels: { team: "blue", nightly: "" },
  requestId: "once",
  queuedAt: 1_700_000_000_007,
  queue: { position: 38, length: 39, reason: "too many run" },
  startedAt: 1_700_000_000_123,
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
  outputTruncated: true,
  host: "web-1",
  on: { host: "web-12", labels: { zone: "sa", spare: "" } },
  asOf: 1_700_000_000_012,
  liveStatus: "running",
  end: {
    status: "cancelled",
    reason: "log_limit",
    exitStatus: { signal: "SIGKILL" },
    finishedAt: 1_700_000_001_999,
    detail: "its log is full",
  },
  notify: { url: "https://hooks.example/other?of=bob", state: "delivered" },
} as const satisfies Whole<Job>;

/** The same while it runs. */
export const WHOLE_RUNNING_JOB: Job = { ...WHOLE_JOB, usage: null, end: null };

const FILTER = {
  statuses: ["running", "failed"],
  owner: "bob",
  labels: { team: "red", nightly: "" },
  jobIdPrefix: "0189",
  jobIdSuffix: "8057",
  name: "weekly",
  startedAfter: 1_700_000_000_001,
  startedBefore: 1_700_000_000_002,
  host: "web-2",
} as const;

/** A line of the audit trail of which every field says something. */
export const WHOLE_RECORD = {
  time: 1_700_000_000_006,
  user: "alice",
  roles: ["operator", "viewer"],
  fingerprint: "0a".repeat(32),
  peer: "192.0.2.1:4711",
  via: "hub-1",
  method: "startJob",
  jobId: JOB_ID,
  argv: ["sh", "-c", ""],
  argvTruncated: 0,
  runAs: "svc-alice",
  notify: "https://hooks.example/***",
  decision: "denied",
  result: "permission_denied",
  why: "because",
  unreported: 34,
  lost: 35,
  damaged: { from: 2 ** 40 + 36, to: 2 ** 40 + 37 },
} as const satisfies Whole<AuditRecord>;

/** Another, which says little. */
const SHORT_RECORD: AuditRecord = {
  ...{
    time: 0,
    user: "",
    roles: [],
    fingerprint: "",
    peer: "",
    via: "",
    method: "",
    jobId: "",
    argv: [],
  },
  ...{ runAs: "", notify: "", decision: "", result: "", why: "", unreported: 0, lost: 1 },
};

export const WHOLE_REQUESTS = {
  startJob: {
    command: WHOLE_JOB.command,
    labels: WHOLE_JOB.labels,
    name: "hourly",
    requestId: "once",
    logLimit: WHOLE_JOB.logLimit,
    execution: WHOLE_JOB.execution,
    queue: true,
    notify: "https://hooks.example:8443/secret?of=alice",
    on: { host: "web-3", labels: { zone: "eu", spare: "" } },
    priority: -45,
    ifHostLost: "rerun",
  },
  stopJob: { jobId: JOB_ID, stopSignal: "SIGINT", gracePeriodMs: 1_503 },
  getJob: { jobId: JOB_ID },
  listJobs: { filter: FILTER, own: true, counts: true, pageSize: 7, pageToken: "page" },
  waitJob: { jobId: JOB_ID },
  getLogs: {
    jobId: JOB_ID,
    streams: ["stderr"],
    offset: 2 ** 40 + 8,
    endOffset: 2 ** 40 + 27,
    maxBytes: 9,
  },
  streamLogs: {
    jobId: JOB_ID,
    streams: ["stderr", "stdout"],
    follow: true,
    start: { kind: "tail", lines: 10 },
    endOffset: 2 ** 40 + 28,
    batchBytes: 4_096 + 53,
  },
  watchJobs: { filter: FILTER, newest: 54 },
  signalJob: { jobId: JOB_ID, signal: "USR1" },
  updateJob: { jobId: JOB_ID, timeoutMs: 7_200_011 },
  writeInput: { jobId: JOB_ID, offset: 2 ** 40 + 12, data: Uint8Array.of(0, 255, 13), end: true },
  pruneJobs: {
    maxAgeMs: 86_400_014,
    maxCount: 15,
    maxBytes: 2 ** 40 + 16,
    dryRun: true,
    owner: "carol",
  },
  streamAudit: {
    user: "dora",
    jobIdPrefix: "0189",
    method: "startJob",
    deniedOnly: true,
    since: 1_700_000_000_005,
    follow: true,
    position: "0123456789abcdef:31",
  },
  listHosts: { on: { host: "web-6", labels: { zone: "af", spare: "" } } },
  runJobs: {
    command: { ...WHOLE_JOB.command, name: "bash" },
    labels: { team: "green", nightly: "" },
    logLimit: { bytes: 2 ** 33 + 45, policy: "keep_newest" },
    execution: { ...WHOLE_JOB.execution, umask: "077" },
    queue: true,
    targets: [
      { host: "web-7", requestId: "all:web-7", jobId: JOB_ID, offset: 2 ** 40 + 46 },
      { host: "web-8", requestId: "all:web-8", jobId: "", offset: 0 },
    ],
  },
  stopJobs: {
    jobIds: [JOB_ID, JOB_ID.replace("0", "1")],
    stopSignal: "SIGQUIT",
    gracePeriodMs: 1_504,
  },
} as const satisfies { [Method in JobMethod]: Whole<Parameters<JobService[Method]>[0]> };

/** A batch of a log as it is on its way. */
const BATCH = {
  gap: { from: 2 ** 40 + 47, to: 2 ** 40 + 48 },
  records: [
    { offset: 2 ** 40 + 48, time: 1_700_000_000_014, stream: "stdout", data: Uint8Array.of(7, 0) },
  ],
  nextOffset: 2 ** 40 + 50,
  finishedJob: null,
} as const;

/** What each method answers; an array stands for a stream. */
export const WHOLE_ANSWERS = {
  startJob: WHOLE_RUNNING_JOB,
  stopJob: WHOLE_JOB,
  getJob: WHOLE_JOB,
  listJobs: {
    jobs: [WHOLE_JOB, WHOLE_RUNNING_JOB],
    nextPageToken: "next",
    counts: { queued: 55, running: 56, done: 57, failed: 58, cancelled: 59 },
  },
  waitJob: WHOLE_JOB,
  getLogs: {
    gap: { from: 2 ** 40 + 17, to: 2 ** 40 + 18 },
    stdout: Uint8Array.of(1, 0, 255),
    stderr: Uint8Array.of(195, 10),
    nextOffset: 2 ** 40 + 23,
    endOffset: 2 ** 40 + 26,
    end: true,
    exitStatus: { code: 3 },
  },
  streamLogs: [
    {
      gap: { from: 2 ** 40 + 19, to: 2 ** 40 + 20 },
      records: [
        { offset: 2 ** 40 + 20, time: 1_700_000_000_003, stream: "stderr", data: Uint8Array.of(9) },
        {
          offset: 2 ** 40 + 21,
          time: 1_700_000_000_004,
          stream: "stdout",
          data: Uint8Array.of(0, 8),
        },
      ],
      nextOffset: 2 ** 40 + 23,
      endOffset: 2 ** 40 + 29,
      finishedJob: null,
    },
    { records: [], nextOffset: 2 ** 40 + 24, finishedJob: WHOLE_JOB },
  ],
  watchJobs: [WHOLE_RUNNING_JOB, WHOLE_JOB],
  signalJob: WHOLE_RUNNING_JOB,
  updateJob: WHOLE_RUNNING_JOB,
  writeInput: { accepted: 2 ** 40 + 15 },
  pruneJobs: { jobs: [WHOLE_JOB], count: 22, bytes: 2 ** 40 + 25 },
  streamAudit: [{
    records: [WHOLE_RECORD, SHORT_RECORD],
    position: "0123456789abcdef:32",
  }, {
    records: [],
    position: "0123456789abcdef:33",
    gap: { from: 1_700_000_000_010, to: 1_700_000_000_011 },
  }],
  listHosts: {
    hosts: [{
      name: "web-4",
      state: "offline",
      labels: { zone: "us", spare: "" },
      slots: 41,
      running: 42,
      queued: 43,
      load: 0.44,
      version: "1.2.3",
      heardAt: 1_700_000_000_013,
      detail: "nobody answers",
    }, {
      ...{ name: "web-5", state: "online", labels: {}, slots: 1, running: 0, queued: 0, load: 0 },
      ...{ version: "", heardAt: null, detail: "" },
    }],
  },
  runJobs: [{
    events: [
      { host: "web-7", job: WHOLE_RUNNING_JOB },
      { host: "web-8", log: BATCH },
      { host: "web-9", failure: { kind: "unanswered", message: "it does not answer" } },
      { host: "web-10", failure: { kind: "refused", message: "no such program" } },
      { host: "web-11", failure: { kind: "offline", message: "it is away" } },
    ],
  }, {
    events: [
      { host: "web-8", log: { records: [], nextOffset: 2 ** 40 + 51, finishedJob: WHOLE_JOB } },
      { host: "web-7", log: { ...BATCH, nextOffset: 2 ** 40 + 52, finishedJob: WHOLE_JOB } },
    ],
  }],
  stopJobs: {
    failures: [
      { jobId: JOB_ID, code: "not_found", message: "no such job" },
      { jobId: JOB_ID.replace("0", "1"), code: "unavailable", message: "it is away" },
    ],
  },
} as const satisfies {
  [Method in JobMethod]: Awaitable<ReturnType<JobService[Method]>>;
};

/** How one method stands in for each of those of a service. */
export type AnyMethod = (
  method: JobMethod,
  request: unknown,
  context: CallContext,
) => Promise<unknown>;

/** A service of which each method does the same. What streams is to resolve to an array. */
export function eachMethod(answer: AnyMethod): JobService {
  const methods = JOB_METHODS.map((method) => [
    method,
    isStream(method)
      ? async function* (request: unknown, context: CallContext) {
        yield* await answer(method, request, context) as unknown[];
      }
      : (request: unknown, context: CallContext) => answer(method, request, context),
  ]);
  return Object.fromEntries(methods) as JobService;
}

/** A service that can do what the test says, and nothing else. */
export function fakeService(methods: Partial<JobService>): JobService {
  const unexpected = eachMethod((method) => {
    throw new Error(`The test expects no call of ${method}`);
  });
  return { ...unexpected, ...methods };
}

/** Calls a method by its name with its whole request; a stream is read to its end. */
export async function callWhole<Name extends JobMethod, Context>(
  service: { [Method in Name]: (request: never, context: Context) => unknown },
  method: Name,
  context: Context,
): Promise<unknown> {
  const request = WHOLE_REQUESTS[method] as never;
  if (!isStream(method)) return await service[method](request, context);
  return await Array.fromAsync(service[method](request, context) as AsyncIterable<object>, asSaid);
}

/** An answer without the packed form of what it also says, if it has one. */
export function asSaid<Answer extends object>(answer: Answer): Answer {
  const { packed: _, ...said } = answer as Answer & { readonly packed?: unknown };
  if (!("events" in said)) return said as unknown as Answer;
  const { events } = said as unknown as RunJobsResponse;
  const whole = events.map(({ log, ...event }) =>
    log === undefined ? event : { ...event, log: asSaid(log) }
  );
  return { ...said, events: whole } as unknown as Answer;
}
