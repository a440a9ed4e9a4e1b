import type { CallContext, Job } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { ADMIN, contextOf, TestService, wholeLog } from "./fixture.ts";

/** The first job that comes, whoever would go on watching. */
async function firstOf(jobs: AsyncIterable<Job>): Promise<Job> {
  for await (const job of jobs) return job;
  throw new Error("No job came");
}

Deno.test("The values of a job's variables are shown only to those who may act on it", async () => {
  await using test = await TestService.open();
  const { service, worker } = test;
  const { jobId } = await worker.start({ name: "true", env: { TOKEN: "secret" } }, {
    owner: "bob",
  });
  await worker.worker.wait(jobId);

  /** How every method that returns a job shows its variables. */
  const seenBy = async (context: CallContext) => {
    const list = await service.listJobs({ filter: {}, pageSize: 0, pageToken: "" }, context);
    const log = await Array.fromAsync(service.streamLogs(wholeLog(jobId), context));
    const jobs = [
      await service.getJob({ jobId }, context),
      await service.waitJob({ jobId }, context),
      list.jobs[0],
      log.at(-1)?.finishedJob,
      await firstOf(service.watchJobs({ filter: {} }, context)),
    ];
    return jobs.map((job) => job?.command.env);
  };
  const shown = Array(5).fill({ TOKEN: "secret" });
  assert.deepEqual(await seenBy(ADMIN), shown);
  assert.deepEqual(await seenBy(contextOf("bob", ["operator"])), shown);
  const hidden = Array(5).fill({ TOKEN: "***" });
  assert.deepEqual(await seenBy(contextOf("eve", ["viewer"])), hidden);
  assert.deepEqual(await seenBy(contextOf("eve", ["viewer", "operator"])), hidden);
});
