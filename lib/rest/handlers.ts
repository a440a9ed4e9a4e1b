import type { Handler } from "hono";
import type { JobService } from "../service/job_service.ts";
import type { Alike } from "../service/alike.ts";
import { jobJson } from "../job/job_json.ts";
import { type JobFilter, statusOf } from "../job/types.ts";
import { auditAnswer } from "./audit_answer.ts";
import { logAnswer, type LogAnswerOptions } from "./log_answer.ts";
import { openApiDocument } from "./openapi.ts";
import { type OperationId, OPERATIONS } from "./operations.ts";
import { readBody, readJobId, readQuery } from "./request.ts";
import { contextOf, type RestEnv } from "./rest_env.ts";

/** One thin handler per operation: it reads HTTP, calls the service, and writes HTTP. */
export function handlersOf(
  service: JobService,
  answerOptions: LogAnswerOptions,
): Record<OperationId, Handler<RestEnv>> {
  const document = openApiDocument();
  return {
    health: (c) => c.json({ status: "ok" }),

    async start(c) {
      const { command: name, args } = await readBody(c, OPERATIONS.start.body);
      const command = { name, args, env: {}, workingDirectory: "" };
      const { jobId } = await service.startJob(
        { command, labels: {}, requestId: "" },
        contextOf(c),
      );
      return c.json({ status: "running", jobId, error: null });
    },

    async stop(c) {
      const { jobId } = await readBody(c, OPERATIONS.stop.body);
      await service.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, contextOf(c));
      return c.json({ status: "success", error: null });
    },

    async status(c) {
      const job = await service.getJob({ jobId: readJobId(c) }, contextOf(c));
      return c.json({ status: "success", error: null, jobStatus: statusOf(job) });
    },

    async listJobs(c) {
      const { status, owner, label, jobIdPrefix, host, startedAfter, startedBefore, ...page } =
        readQuery(
          c,
          OPERATIONS.listJobs,
        );
      const filter = {
        ...(status !== undefined && { statuses: status }),
        ...(owner !== undefined && { owner }),
        ...(label !== undefined && { labels: Object.fromEntries(label.map(pairOf)) }),
        ...(jobIdPrefix !== undefined && { jobIdPrefix }),
        ...(startedAfter !== undefined && { startedAfter: Date.parse(startedAfter) }),
        ...(startedBefore !== undefined && { startedBefore: Date.parse(startedBefore) }),
        ...(host !== undefined && { host }),
      };
      // A filter without a parameter does not compile.
      true satisfies Alike<typeof filter, JobFilter>;
      const { jobs, nextPageToken } = await service.listJobs({ filter, ...page }, contextOf(c));
      return c.json({ jobs: jobs.map(jobJson), nextPageToken });
    },

    async startJob(c) {
      const request = await readBody(c, OPERATIONS.startJob.body);
      return c.json(jobJson(await service.startJob(request, contextOf(c))), 201);
    },

    async getJob(c) {
      return c.json(jobJson(await service.getJob({ jobId: readJobId(c) }, contextOf(c))));
    },

    async stopJob(c) {
      const jobId = readJobId(c);
      const how = await readBody(c, OPERATIONS.stopJob.body, { optional: true });
      return c.json(jobJson(await service.stopJob({ jobId, ...how }, contextOf(c))));
    },

    readLog: (c) => logAnswer(c, service, readJobId(c), answerOptions),

    readAudit: (c) => auditAnswer(c, service, answerOptions),

    document: (c) => c.json(document),
  };
}

function pairOf(label: string): [string, string] {
  const separator = label.indexOf("=");
  return [label.slice(0, separator), label.slice(separator + 1)];
}
