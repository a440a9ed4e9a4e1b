import { JobWorkerError } from "../../lib/errors.ts";
import type { StopJobRequest } from "../../lib/service/job_service.ts";
import { stopEach } from "../../lib/service/many_jobs.ts";
import { assert } from "../assert.ts";
import { WHOLE_JOB } from "./samples.ts";

const HOW = { stopSignal: "SIGINT", gracePeriodMs: 7 };

Deno.test("stopEach() stops every job once, all at once, and says which could not be", async () => {
  const asked: StopJobRequest[] = [];
  const begun = Promise.withResolvers<void>();
  const stop = async (request: StopJobRequest) => {
    asked.push(request);
    if (asked.length === 3) begun.resolve();
    await begun.promise;
    if (request.jobId === "b") throw new JobWorkerError("not_found", "No job");
    return WHOLE_JOB;
  };
  const { failures } = await stopEach({ jobIds: ["a", "b", "a", "c"], ...HOW }, stop);
  assert.deepEqual(asked, ["a", "b", "c"].map((jobId) => ({ jobId, ...HOW })));
  assert.deepEqual(failures, [{ jobId: "b", code: "not_found", message: "No job" }]);
});

Deno.test("stopEach() tells a fault of ours once all have settled", async () => {
  let settled = 0;
  const stop = async ({ jobId }: StopJobRequest) => {
    if (jobId === "a") throw new TypeError("Bug");
    await new Promise((resolve) => setTimeout(resolve, 5));
    settled++;
    return WHOLE_JOB;
  };
  await assert.rejects(stopEach({ jobIds: ["a", "b", "c"], ...HOW }, stop), TypeError);
  assert.equal(settled, 2);
});
