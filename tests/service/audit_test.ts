import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { processesOf } from "../end_to_end/process.ts";
import { rejection } from "../worker/fixture.ts";
import { ADMIN, contextOf, TestService, TRUE, wholeLog } from "./fixture.ts";

const UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057";
const NO_JOB = { jobId: "", command: null, decision: "allowed", result: "ok" } as const;

Deno.test("WorkerService writes one audit entry for each call, with what came of it", async () => {
  await using fixture = await TestService.open();
  const { service, audit } = fixture;
  const command = { ...TRUE, name: "sleep", args: ["100"], env: { TOKEN: "secret" } };
  const { jobId } = await service.startJob({ command, labels: {}, requestId: "" }, ADMIN);
  assert.deepEqual(audit.entries.map(({ caller }) => caller), [ADMIN.caller]);
  const [started] = audit.taken();
  assert.deepEqual(
    { ...started, command: { name: started?.command?.name, args: started?.command?.args } },
    { ...NO_JOB, method: "startJob", jobId, command: { name: "sleep", args: ["100"] } },
  );

  await service.getJob({ jobId }, ADMIN);
  await service.listJobs({ filter: {}, pageSize: 0, pageToken: "" }, ADMIN);
  await service.getLogs({ jobId, streams: [], offset: 0, maxBytes: 0 }, ADMIN);
  await service.stopJob({ jobId, stopSignal: "", gracePeriodMs: 0 }, ADMIN);
  await service.waitJob({ jobId }, ADMIN);
  await Array.fromAsync(service.streamLogs(wholeLog(jobId), ADMIN));
  assert.deepEqual(audit.taken(), [
    { ...NO_JOB, method: "getJob", jobId },
    { ...NO_JOB, method: "listJobs" },
    { ...NO_JOB, method: "getLogs", jobId },
    { ...NO_JOB, method: "stopJob", jobId },
    // What goes on for long is audited when it begins.
    { ...NO_JOB, method: "waitJob", jobId, result: "opened" },
    { ...NO_JOB, method: "streamLogs", jobId, result: "opened" },
  ]);
});

Deno.test("WorkerService audits what it denies, what fails, and what makes no sense", async () => {
  await using fixture = await TestService.open();
  const { service, audit } = fixture;
  const { jobId } = await fixture.running("carol");
  const viewer = contextOf("vera", ["viewer"]);
  const operator = contextOf("olga", ["operator"]);
  const start = { labels: {}, requestId: "", command: { ...TRUE, name: "no-such-program" } };
  const stop = { jobId, stopSignal: "", gracePeriodMs: null };
  const codes = [
    await rejection(service.startJob(start, viewer)),
    await rejection(service.stopJob(stop, viewer)),
    await rejection(service.stopJob(stop, operator)),
    await rejection(service.getJob({ jobId: UNKNOWN }, ADMIN)),
    await rejection(service.startJob(start, ADMIN)),
    await rejection(service.getJob({ jobId: "x".repeat(1000) }, ADMIN)),
  ].map((error) => error instanceof JobWorkerError ? error.code : error);
  assert.deepEqual(codes, [
    "permission_denied",
    "permission_denied",
    "not_found",
    "not_found",
    "failed_precondition",
    "invalid_argument",
  ]);
  const entries = audit.taken();
  assert.deepEqual(entries.map(({ method, decision, result }) => [method, decision, result]), [
    ["startJob", "denied", "permission_denied"],
    ["stopJob", "denied", "permission_denied"],
    ["stopJob", "denied", "not_found"],
    ["getJob", "allowed", "not_found"],
    ["startJob", "allowed", "failed_precondition"],
    ["getJob", "allowed", "invalid_argument"],
  ]);
  assert.equal(entries[0]?.command?.name, "no-such-program");
  assert.deepEqual(entries.map((entry) => entry.jobId), [
    "",
    jobId,
    jobId,
    UNKNOWN,
    "",
    "x".repeat(64),
  ]);
});

Deno.test("WorkerService audits a stream when it begins, and not again when its reader leaves", async () => {
  await using fixture = await TestService.open();
  const { service, audit } = fixture;
  const { jobId } = await fixture.running("alice");
  const leaving = new AbortController();
  const context = { ...ADMIN, signal: leaving.signal };
  const log = service.streamLogs({ ...wholeLog(jobId), follow: true }, context);
  const read = Array.fromAsync(log);
  const watched = Array.fromAsync(service.watchJobs({ filter: {} }, context));
  const reason = new JobWorkerError("cancelled", "The client has left");
  leaving.abort(reason);
  for (const call of [read, watched]) assert.equal(await rejection(call), reason);
  assert.deepEqual(audit.taken().map(({ method, result }) => [method, result]).sort(), [
    ["streamLogs", "opened"],
    ["watchJobs", "opened"],
  ]);
});

Deno.test("WorkerService audits everybody who writes to a job, whoever began", async () => {
  await using fixture = await TestService.open();
  const { service, audit } = fixture;
  const { jobId } = await fixture.running("olga");
  const operator = contextOf("olga", ["operator"]);
  let offset = 0;
  for (const context of [operator, operator, ADMIN, ADMIN, operator]) {
    const data = new Uint8Array([offset]);
    offset = (await service.writeInput({ jobId, offset, data, end: false }, context)).accepted;
  }
  const written = audit.entries.map(({ caller, method }) => [caller.identity.user, method]);
  assert.deepEqual(written, ["olga", "alice", "olga"].map((user) => [user, "writeInput"]));

  const gap = { jobId, offset: 100, data: new Uint8Array(1), end: false };
  await rejection(service.writeInput(gap, operator));
  assert.equal(audit.entries.at(-1)?.result, "out_of_range");
});

Deno.test("WorkerService audits malformed requests, and does nothing that they ask for", async () => {
  await using fixture = await TestService.open();
  const { service, audit } = fixture;
  const { jobId } = await fixture.running("alice");
  const stop = { jobId, stopSignal: "", gracePeriodMs: 0 };
  const start = { command: TRUE, labels: {}, requestId: "" };
  const calls: [method: "startJob" | "stopJob" | "getJob", request: unknown][] = [
    // A gateway that somebody has taken over could send this.
    ["stopJob", { ...stop, command: {} }],
    ["stopJob", { ...stop, jobId: { slice: 1 } }],
    ["getJob", { jobId: [jobId] }],
    ["startJob", { ...start, command: {} }],
    ["startJob", { ...start, command: { ...TRUE, args: "x" } }],
    ["startJob", { ...start, command: { ...TRUE, shell: true } }],
  ];
  for (const [method, request] of calls) {
    const error = await rejection(service[method](request as never, ADMIN));
    assert.ok(error instanceof JobWorkerError, `${error}`);
    assert.equal(error.code, "invalid_argument");
  }
  const denied = contextOf("vera", ["viewer"]);
  await rejection(service.startJob({ ...start, command: {} } as never, denied));
  const entries = audit.taken();
  assert.deepEqual(entries.map(({ method, result }) => [method, result]), [
    ...calls.map(([method]) => [method, "invalid_argument"]),
    ["startJob", "permission_denied"],
  ]);
  assert.ok(entries.every(({ command }) => command === null));
  assert.deepEqual(entries.map((entry) => entry.jobId), [jobId, ...Array(6).fill("")]);
  assert.equal((await fixture.worker.worker.get(jobId)).end, null);
});

Deno.test("WorkerService starts nothing while the audit trail cannot be written, and does the rest", async () => {
  await using fixture = await TestService.open();
  const { service, audit } = fixture;
  const { jobId } = await fixture.running("alice");
  audit.writable = false;
  const error = await rejection(
    service.startJob({ command: TRUE, labels: {}, requestId: "" }, ADMIN),
  );
  assert.ok(error instanceof JobWorkerError);
  assert.deepEqual([error.code, error.message], ["unavailable", "Cannot write the audit trail"]);
  const list = { filter: {}, pageSize: 0, pageToken: "" };
  assert.equal((await service.listJobs(list, ADMIN)).jobs.length, 1);
  await Array.fromAsync(service.streamLogs(wholeLog(jobId), ADMIN));
  const stopped = await service.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, ADMIN);
  assert.equal(stopped.end?.reason, "stopped");

  audit.writable = true;
  const { jobId: started } = await service.startJob(
    { command: TRUE, labels: {}, requestId: "" },
    ADMIN,
  );
  await service.waitJob({ jobId: started }, ADMIN);
});

Deno.test("WorkerService refuses a start that cannot be put on record for good, and nothing of it stays", async () => {
  await using fixture = await TestService.open();
  const { service, audit, worker: { worker } } = fixture;
  audit.flushable = false;
  const command = { ...TRUE, name: "sh", args: ["-c", "echo hello; sleep 100"] };
  const error = await rejection(service.startJob({ command, labels: {}, requestId: "r" }, ADMIN));
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "unavailable");
  assert.deepEqual(await worker.list({}, { limit: 10 }), []);
  const [refused, ...others] = audit.taken();
  assert.deepEqual([refused?.method, refused?.result, others], ["startJob", "unavailable", []]);
  assert.deepEqual(await processesOf([refused?.jobId ?? ""]), []);
  // It is not taken for a repeat of the one that was refused.
  audit.flushable = true;
  const { jobId } = await service.startJob({ command, labels: {}, requestId: "r" }, ADMIN);
  assert.notEqual(jobId, refused?.jobId);
  // What has been done cannot be refused any more.
  audit.flushable = false;
  await service.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, ADMIN);
  assert.deepEqual(audit.taken().map(({ method, result }) => [method, result]), [
    ["startJob", "ok"],
    ["stopJob", "ok"],
  ]);
});
