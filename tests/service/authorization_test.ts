import type { Role } from "../../lib/auth/identity.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { JOB_WORKER, JOB_WORKER_SERVICE } from "../../lib/grpc/protocol.ts";
import type { CallContext, JobService } from "../../lib/service/job_service.ts";
import { JOB_METHODS, type JobMethod, mayCall } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { ALL_LINES, contextOf, TestService, TRUE, wholeLog } from "./fixture.ts";

/** A call of each method on a job; resolves with what a caller gets to see of it. */
const CALLS: Readonly<
  Record<JobMethod, (service: JobService, jobId: string, context: CallContext) => Promise<unknown>>
> = {
  startJob: (service, _, context) =>
    service.startJob({ command: TRUE, labels: {}, requestId: "" }, context),
  stopJob: (service, jobId, context) =>
    service.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, context),
  getJob: (service, jobId, context) => service.getJob({ jobId }, context),
  listJobs: async (service, jobId, context) => {
    const { jobs } = await service.listJobs({ filter: {}, pageSize: 0, pageToken: "" }, context);
    return jobs.some((job) => job.jobId === jobId) ? "seen" : "unseen";
  },
  waitJob: (service, jobId, context) => service.waitJob({ jobId }, context),
  getLogs: (service, jobId, context) =>
    service.getLogs({ jobId, streams: [], offset: 0, maxBytes: 0 }, context),
  streamLogs: (service, jobId, context) =>
    Array.fromAsync(service.streamLogs(wholeLog(jobId), context)),
  watchJobs: async (service, jobId, { caller }) => {
    const ending = new AbortController();
    const seen: string[] = [];
    try {
      for await (
        const job of service.watchJobs({ filter: {} }, { caller, signal: ending.signal })
      ) {
        seen.push(job.jobId);
        // Those that are there already still come.
        ending.abort(new Error("Nothing will change"));
      }
    } catch (error) {
      if (error !== ending.signal.reason) throw error;
    }
    return seen.includes(jobId) ? "seen" : "unseen";
  },
  signalJob: (service, jobId, context) => service.signalJob({ jobId, signal: "CONT" }, context),
  updateJob: (service, jobId, context) => service.updateJob({ jobId, timeoutMs: 0 }, context),
  writeInput: (service, jobId, context) =>
    service.writeInput({ jobId, offset: 0, data: new Uint8Array(), end: false }, context),
  pruneJobs: async (service, jobId, context) => {
    const request = { maxCount: 0, dryRun: true, owner: "" };
    const { jobs } = await service.pruneJobs(request, context);
    return jobs.some((job) => job.jobId === jobId) ? "seen" : "unseen";
  },
  streamAudit: (service, jobIdPrefix, context) => {
    const request = { ...ALL_LINES, jobIdPrefix };
    return Array.fromAsync(service.streamAudit(request, context));
  },
  listHosts: (service, _, context) => service.listHosts({}, context),
  runJobs: (service, _, context) => {
    const target = { host: "web-1", requestId: "1", jobId: "", offset: 0 };
    const request = { command: TRUE, labels: {}, targets: [target] };
    return Array.fromAsync(service.runJobs(request, context));
  },
  stopJobs: async (service, jobId, context) => {
    const request = { jobIds: [jobId], stopSignal: "", gracePeriodMs: null };
    const { failures: [failure] } = await service.stopJobs(request, context);
    // It was stopped by then.
    if (failure !== undefined && failure.code !== "failed_precondition") {
      throw new JobWorkerError(failure.code, failure.message);
    }
  },
};

/** What kind of thing each method does, as far as rights go. */
const KINDS: Readonly<Record<JobMethod, keyof Outcomes>> = {
  startJob: "start",
  signalJob: "change",
  updateJob: "change",
  writeInput: "change",
  getJob: "see",
  waitJob: "see",
  getLogs: "see",
  streamLogs: "see",
  listJobs: "list",
  watchJobs: "list",
  pruneJobs: "prune",
  streamAudit: "audit",
  listHosts: "hosts",
  runJobs: "many",
  // It ends the job that the others change.
  stopJob: "change",
  stopJobs: "change",
};
const METHODS = Object.keys(KINDS) as JobMethod[];

/** What became of a call: `ok`, what a list showed, or the code of the error. */
async function outcomeOf(
  method: JobMethod,
  service: JobService,
  jobId: string,
  context: CallContext,
): Promise<string> {
  try {
    const result = await CALLS[method](service, jobId, context);
    return typeof result === "string" ? result : "ok";
  } catch (error) {
    if (!(error instanceof JobWorkerError)) throw error;
    return error.code;
  }
}

type Outcomes = Readonly<
  Record<"start" | "change" | "see" | "list" | "prune" | "audit" | "hosts" | "many", string>
>;

const DENIED = "permission_denied";
const ALL: Outcomes = {
  start: "ok",
  change: "ok",
  see: "ok",
  list: "seen",
  prune: "seen",
  audit: "ok",
  hosts: "ok",
  // They may, and only a hub does it.
  many: "failed_precondition",
};
/** All of what is one's own. The trail is nobody's own. */
const OWN: Outcomes = { ...ALL, audit: DENIED };
const NONE: Outcomes = {
  start: DENIED,
  change: DENIED,
  see: DENIED,
  list: DENIED,
  prune: DENIED,
  audit: DENIED,
  hosts: DENIED,
  many: DENIED,
};
const SEE_ONLY: Outcomes = { ...NONE, see: "ok", list: "seen", hosts: "ok" };

/** For each set of roles: on the caller's own job, and on one of somebody else's. */
const EXPECTED: readonly (readonly [readonly Role[], own: Outcomes, foreign: Outcomes])[] = [
  [["admin"], ALL, ALL],
  [["operator"], OWN, {
    start: "ok",
    change: "not_found",
    see: "not_found",
    list: "unseen",
    prune: "unseen",
    audit: DENIED,
    hosts: "ok",
    many: ALL.many,
  }],
  [["viewer"], SEE_ONLY, SEE_ONLY],
  // It may see the job of somebody else, so there is nothing to hide.
  [["operator", "viewer"], OWN, { ...SEE_ONLY, start: "ok", prune: "unseen", many: ALL.many }],
  [[], NONE, NONE],
];

for (const [roles, own, foreign] of EXPECTED) {
  const name = roles.join(" and ") || "nobody in particular";
  Deno.test(`WorkerService lets ${name} do what the role says, and no more`, async () => {
    await using fixture = await TestService.open();
    const context = contextOf("bob", roles);
    for (const [owner, expected] of [["bob", own], ["carol", foreign]] as const) {
      const running = await fixture.running(owner);
      const ended = await fixture.ran("echo hi", owner);
      for (const method of METHODS) {
        const kind = KINDS[method];
        const { jobId } = kind === "change" ? running : ended;
        fixture.audit.taken();
        const outcome = await outcomeOf(method, fixture.service, jobId, context);
        assert.equal(outcome, expected[kind], `${method} on a job of ${owner}'s`);
        // Methods whose requests are alike could be authorised and audited as one another.
        // What is let in to stop many is audited for each of them.
        const isOfEach = method === "stopJobs" && mayCall(context.caller.identity, method);
        const audited = fixture.audit.taken().map((entry) => entry.method);
        assert.deepEqual(audited, [isOfEach ? "stopJob" : method]);
      }
      const { end } = await fixture.worker.worker.get(running.jobId);
      assert.equal(end !== null, expected.change === "ok");
    }
  });
}

Deno.test("WorkerService answers for somebody else's job as for one that does not exist", async () => {
  await using fixture = await TestService.open();
  const { service } = fixture;
  const { jobId } = await fixture.running("carol");
  const unknown = `${jobId.slice(0, -12)}000000000000`;
  const context = contextOf("bob", ["operator"]);
  for (const method of METHODS) {
    if (!["change", "see"].includes(KINDS[method])) continue;
    const [foreign, absent] = await Promise.all(
      [jobId, unknown].map((id) =>
        CALLS[method](service, id, context).then(() => assert.fail(method), (error) => error)
      ),
    );
    assert.equal(absent.code, "not_found");
    assert.deepEqual(
      { ...foreign, message: foreign.message },
      { ...absent, message: absent.message.replace(unknown, jobId) },
    );
  }
});

Deno.test("WorkerService compares the names of users to the letter", async () => {
  await using fixture = await TestService.open();
  const { jobId } = await fixture.running("bob");
  for (const user of ["Bob", "bob ", "bo", "bobb", ""]) {
    const context = contextOf(user, ["operator"]);
    assert.equal(await outcomeOf("getJob", fixture.service, jobId, context), "not_found");
    assert.equal(await outcomeOf("listJobs", fixture.service, jobId, context), "unseen");
  }
});

Deno.test("the methods of the wire contract are those of JobService", () => {
  const names = Object.values(JOB_WORKER).map(({ path }) => {
    assert.ok(path.startsWith(`/${JOB_WORKER_SERVICE}/`));
    const name = path.slice(path.lastIndexOf("/") + 1);
    return name.charAt(0).toLowerCase() + name.slice(1);
  });
  assert.ok(names.length >= 8);
  assert.deepEqual(names.toSorted(), [...JOB_METHODS].sort());
});
