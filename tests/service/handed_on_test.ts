import { JobWorkerError } from "../../lib/errors.ts";
import { completeExecution } from "../../lib/job/execution.ts";
import type { CallContext } from "../../lib/service/job_service.ts";
import { WorkerService, type WorkerServiceOptions } from "../../lib/service/worker_service.ts";
import type { Worker } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, contextOf, MemoryAudit, TRUE } from "./fixture.ts";

const JOB = job({
  jobId: "01890a5d-ac96-774b-bcce-b302099a8057",
  owner: "alice",
  execution: completeExecution({ user: "chosen" }),
});
const OTHER = job({ jobId: "01890a5d-ac96-774b-bcce-b302099a8058", owner: "bob", end: DONE });
const { jobId } = JOB;

const NO_ENTRY = { runAs: "none", decision: "none", result: "none" };

/** An argument with the types of its functions in their place, which are made for each call. */
function withTypes(argument: unknown): unknown {
  const isOptions = Object.getPrototypeOf(argument ?? 0) === Object.prototype;
  if (!isOptions) return argument;
  return Object.fromEntries(
    Object.entries(argument as object).map(([name, value]) => [
      name,
      typeof value === "function" ? "function" : value,
    ]),
  );
}

/** The service over a worker that writes down what it is asked. */
function recorded(jobUserOf?: WorkerServiceOptions["jobUserOf"]) {
  const asked: unknown[][] = [];
  const answers: Readonly<Record<string, unknown>> = {
    ownerOf: JOB.owner,
    list: [JOB, OTHER],
    prune: { jobs: [], count: 0, bytes: 0 },
    writeInput: 77,
  };
  const worker = new Proxy({}, {
    get: (_target, name) => (...args: unknown[]) => {
      asked.push([name, ...args]);
      if (name === "readLog") return (async function* () {})();
      if (name === "watch") return (async function* () {})();
      return Promise.resolve(answers[String(name)] ?? JOB);
    },
  }) as Worker;
  const audit = new MemoryAudit();
  const logLimit = { bytes: 3_000_000, policy: "end_job" } as const;
  return {
    asked,
    audit,
    service: new WorkerService(worker, audit, { logLimit, ...(jobUserOf && { jobUserOf }) }),
  };
}

type Use = (service: WorkerService, context: CallContext) => Promise<unknown>;

/** What the worker is asked for a call, after the look whose job it is. */
const CALLS: readonly (readonly [name: string, use: Use, ...asked: unknown[][]])[] = [
  [
    "stopJob",
    (service, context) =>
      service.stopJob({ jobId, stopSignal: "SIGUSR1", gracePeriodMs: 11 }, context),
    ["stop", jobId, { stopSignal: "SIGUSR1", gracePeriodMs: 11 }],
  ],
  [
    "stopJob at once",
    (service, context) => service.stopJob({ jobId, stopSignal: "", gracePeriodMs: 0 }, context),
    ["stop", jobId, { gracePeriodMs: 0 }],
  ],
  [
    "stopJob by default",
    (service, context) => service.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, context),
    ["stop", jobId, {}],
  ],
  [
    "signalJob",
    (service, context) => service.signalJob({ jobId, signal: "SIGHUP" }, context),
    ["signal", jobId, "SIGHUP"],
  ],
  [
    "updateJob",
    (service, context) => service.updateJob({ jobId, timeoutMs: 13 }, context),
    ["update", jobId, 13],
  ],
  [
    "writeInput",
    (service, context) =>
      service.writeInput({ jobId, offset: 17, data: new Uint8Array([19]), end: false }, context),
    ["writeInput", jobId, 17, new Uint8Array([19]), { signal: ADMIN.signal }],
  ],
  [
    "writeInput to the end",
    (service, context) =>
      service.writeInput({ jobId, offset: 17, data: new Uint8Array([19]), end: true }, context),
    ["writeInput", jobId, 17, new Uint8Array([19]), { signal: ADMIN.signal }],
    ["closeInput", jobId],
  ],
  [
    "waitJob",
    (service, context) => service.waitJob({ jobId }, context),
    ["wait", jobId, { signal: ADMIN.signal }],
  ],
  [
    "getLogs",
    (service, context) =>
      service.getLogs(
        { jobId, streams: ["stderr"], offset: 23, endOffset: 29, maxBytes: 31 },
        context,
      ),
    ["readLog", jobId, {
      start: { kind: "offset", offset: 23 },
      streams: ["stderr"],
      follow: false,
      endOffset: 29,
      turn: "function",
      signal: ADMIN.signal,
    }],
  ],
  [
    "streamLogs",
    (service, context) =>
      Array.fromAsync(
        service.streamLogs(
          { jobId, streams: [], follow: false, start: { kind: "tail", lines: 37 }, endOffset: 41 },
          context,
        ),
      ),
    ["readLog", jobId, {
      start: { kind: "tail", lines: 37 },
      streams: ["stdout", "stderr"],
      follow: false,
      endOffset: 41,
      reuse: true,
      turn: "function",
      signal: ADMIN.signal,
    }],
  ],
  [
    "streamLogs that follows",
    (service, context) =>
      Array.fromAsync(
        service.streamLogs(
          { jobId, streams: ["stdout"], follow: true, start: { kind: "since", time: 43 } },
          context,
        ),
      ),
    ["readLog", jobId, {
      start: { kind: "since", time: 43 },
      streams: ["stdout"],
      follow: true,
      reuse: true,
      turn: "function",
      signal: ADMIN.signal,
    }],
  ],
];

for (const [name, use, ...expected] of CALLS) {
  Deno.test(`WorkerService hands all of a request on: ${name}`, async () => {
    const { asked, service } = recorded();
    await use(service, ADMIN);
    const handedOn = asked.map((call) => call.map(withTypes));
    assert.deepEqual(handedOn, [["ownerOf", jobId], ...expected]);
  });
}

Deno.test("WorkerService.startJob() hands all of a request on, with the limit of the log made whole", async () => {
  const { asked, service, audit } = recorded();
  const request = {
    command: { ...TRUE, args: ["47"] },
    labels: { team: "53" },
    name: "n.67",
    requestId: "the request",
    execution: { timeoutMs: 59, gracePeriodMs: 61 },
    queue: true,
  };
  const limits = [
    [undefined, { bytes: 3_000_000, policy: "end_job" }],
    [{ bytes: 2_000_000 }, { bytes: 2_000_000, policy: "end_job" }],
    [{ policy: "keep_newest" }, { bytes: 3_000_000, policy: "keep_newest" }],
  ] as const;
  for (const [logLimit, whole] of limits) {
    await service.startJob({ ...request, ...(logLimit && { logLimit }) }, ADMIN);
    const [[name, options] = []] = asked.splice(0);
    assert.ok(typeof options === "object" && options !== null && "confirm" in options);
    const { confirm, ...given } = options;
    assert.ok(typeof confirm === "function");
    assert.equal(name, "start");
    assert.deepEqual(given, { ...request, owner: "alice", logLimit: whole, signal: ADMIN.signal });
    audit.taken();
    // That is in the trail before the caller knows of the job.
    await confirm(JOB);
    const [entry, ...more] = audit.taken();
    assert.deepEqual([entry?.jobId, entry?.result, more], [jobId, "ok", []]);
  }
});

Deno.test("WorkerService.startJob() hands on the user that somebody's jobs run as, and audits whom they do run as", async () => {
  const { asked, service, audit } = recorded(({ user, roles: [role] }) => {
    if (user !== "alice") throw new JobWorkerError("permission_denied", "No line");
    return `${user}-${role}`;
  });
  const request = { command: TRUE, labels: {}, requestId: "", execution: { user: "chosen" } };
  await service.startJob(request, ADMIN);
  const [[, options] = []] = asked.splice(0);
  assert.partialDeepStrictEqual(options, {
    jobUser: "alice-admin",
    execution: { user: "chosen" },
  });
  const [{ runAs, decision } = NO_ENTRY] = audit.taken();
  // The worker of this test answers with a job of its own.
  assert.deepEqual([runAs, decision], [JOB.execution.user, "allowed"]);

  await assert.rejects(service.startJob(request, contextOf("bob", ["operator"])), /No line/);
  assert.deepEqual(asked, []);
  const [denied = NO_ENTRY] = audit.taken();
  assert.deepEqual([denied.decision, denied.result], ["denied", "permission_denied"]);
});

Deno.test("WorkerService.listJobs() and watchJobs() hand on filter, size and place of a page", async () => {
  const { asked, service } = recorded();
  const filter = { statuses: ["done"], labels: { team: "67" }, startedAfter: 71 } as const;
  const page = await service.listJobs({ filter, pageSize: 73, pageToken: jobId }, ADMIN);
  assert.equal(page.nextPageToken, OTHER.jobId);
  await service.listJobs({ filter, pageSize: 0, pageToken: "" }, ADMIN);
  assert.deepEqual(asked.splice(0), [
    ["list", filter, { limit: 73, before: jobId }],
    ["list", filter, { limit: 1, before: OTHER.jobId }],
    ["list", filter, { limit: 100 }],
    ["list", filter, { limit: 1, before: OTHER.jobId }],
  ]);
  await Array.fromAsync(service.watchJobs({ filter }, ADMIN));
  await Array.fromAsync(service.watchJobs({ filter, newest: 97 }, ADMIN));
  assert.deepEqual(asked, [
    ["watch", filter, ADMIN.signal, { newest: 0 }],
    ["watch", filter, ADMIN.signal, { newest: 97 }],
  ]);
});

Deno.test("WorkerService.pruneJobs() hands each bound on, and whose jobs they are", async () => {
  const { asked, service } = recorded();
  const bounds = { maxAgeMs: 79, maxCount: 83, maxBytes: 89 };
  const operator = contextOf("bob", ["operator"]);
  await service.pruneJobs({ ...bounds, dryRun: true, owner: "" }, ADMIN);
  await service.pruneJobs({ ...bounds, dryRun: false, owner: "carol" }, ADMIN);
  await service.pruneJobs({ maxCount: 0, dryRun: true, owner: "" }, operator);
  await service.pruneJobs({ maxCount: 0, dryRun: false, owner: "carol" }, operator);
  assert.deepEqual(asked, [
    ["prune", { retention: bounds, dryRun: true }],
    ["prune", { retention: bounds, dryRun: false, owner: "carol" }],
    ["prune", { retention: { maxCount: 0 }, dryRun: true, owner: "bob" }],
  ]);
});

Deno.test("WorkerService.startJob() starts nothing while the audit trail cannot be written", async () => {
  const { asked, service, audit } = recorded();
  audit.writable = false;
  const start = () => service.startJob({ command: TRUE, labels: {}, requestId: "" }, ADMIN);
  await assert.rejects(start(), { code: "unavailable" });
  assert.equal(asked.length, 0);
  audit.writable = true;
  await start();
  assert.deepEqual(asked.map(([name]) => name), ["start"]);
});
