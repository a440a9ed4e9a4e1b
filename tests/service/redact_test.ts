import type { CallContext, Job, JobService } from "../../lib/service/job_service.ts";
import { isChange, JOB_METHODS, type JobMethod } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { ADMIN, contextOf, TestService, wholeLog } from "./fixture.ts";

/** The first job that comes, whoever would go on watching. */
async function firstOf(jobs: AsyncIterable<Job>): Promise<Job> {
  for await (const job of jobs) return job;
  throw new Error("No job came");
}

type Call = (service: JobService, jobId: string, context: CallContext) => Promise<unknown>;

/** A call of each method; `null` where only those are answered who may see everything. */
const CALLS: Readonly<Record<JobMethod, Call | null>> = {
  startJob: null,
  stopJob: null,
  getJob: (service, jobId, context) => service.getJob({ jobId }, context),
  listJobs: (service, _, context) =>
    service.listJobs({ filter: {}, pageSize: 0, pageToken: "" }, context),
  waitJob: (service, jobId, context) => service.waitJob({ jobId }, context),
  getLogs: (service, jobId, context) =>
    service.getLogs({ jobId, streams: [], offset: 0, maxBytes: 0 }, context),
  streamLogs: (service, jobId, context) =>
    Array.fromAsync(service.streamLogs(wholeLog(jobId), context)),
  watchJobs: (service, _, context) => firstOf(service.watchJobs({ filter: {} }, context)),
  signalJob: null,
  updateJob: null,
  writeInput: null,
  pruneJobs: null,
  streamAudit: null,
  listHosts: null,
  runJobs: null,
  stopJobs: null,
};

Deno.test("The values of a job's variables are shown only to those who may act on it", async () => {
  await using test = await TestService.open();
  const { service, worker } = test;
  const { jobId } = await worker.start({ name: "true", env: { TOKEN: "secret" } }, {
    owner: "bob",
  });
  await worker.worker.wait(jobId);

  for (const method of JOB_METHODS) {
    const call = CALLS[method];
    // A line of the audit trail has no variables, nor has a host.
    const hasNone = method === "streamAudit" || method === "listHosts";
    assert.equal(call === null, isChange(method) || hasNone, method);
    if (call === null) continue;
    /** The variables in all that it answers. */
    const seenBy = async (context: CallContext) =>
      JSON.stringify(await call(service, jobId, context)).match(/"TOKEN":"[^"]*"/g);
    const [shown, hidden] = method === "getLogs"
      ? [null, null]
      : [['"TOKEN":"secret"'], ['"TOKEN":"***"']];
    assert.deepEqual(await seenBy(ADMIN), shown, method);
    assert.deepEqual(await seenBy(contextOf("bob", ["operator"])), shown, method);
    assert.deepEqual(await seenBy(contextOf("eve", ["viewer"])), hidden, method);
    assert.deepEqual(await seenBy(contextOf("eve", ["viewer", "operator"])), hidden, method);
  }
});
