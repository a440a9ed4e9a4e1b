import type { Handler } from "hono";
import type {
  CallContext,
  GetLogsRequest,
  HostSelector,
  JobRequest,
  JobService,
} from "../service/job_service.ts";
import { mayCall } from "../service/methods.ts";
import { hostJson } from "../job/host.ts";
import { parseDuration } from "../text/duration.ts";
import type * as z from "../text/zod.ts";
import type { Alike } from "../service/alike.ts";
import { jobJson } from "../job/job_json.ts";
import { type Job, type JobFilter, statusOf } from "../job/types.ts";
import { auditAnswer } from "./audit_answer.ts";
import { logAnswer, type LogAnswerOptions, streamsOf } from "./log_answer.ts";
import { openApiDocument } from "./openapi.ts";
import { type OperationId, OPERATIONS } from "./operations.ts";
import { EVENTS_TYPE, isSet, readBody, readBodyBytes, readJobId, readQuery } from "./request.ts";
import { contextOf, type RestEnv } from "./rest_env.ts";
import type * as schemas from "./schemas.ts";
import { streamAnswer } from "./stream_answer.ts";

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
        // What it answers has no word for a job that waits.
        { command, labels: {}, requestId: "", queue: false },
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
      const { pageSize, pageToken, own, counts, ...query } = readQuery(c, OPERATIONS.listJobs);
      const flags = { ...(isSet(own) && { own: true }), ...(isSet(counts) && { counts: true }) };
      const { jobs, ...rest } = await service.listJobs(
        { filter: filterOf(query), pageSize, pageToken, ...flags },
        contextOf(c),
      );
      return c.json({ jobs: jobs.map(jobJson), ...rest });
    },

    async watchJobs(c) {
      const { newest, ...query } = readQuery(c, OPERATIONS.watchJobs);
      const request = { filter: filterOf(query), newest };
      c.env.openEnded();
      return await streamAnswer(c, {
        open: (context) => service.watchJobs(request, context),
        // There may be no job for a long time, but whoever may see none is told so at once.
        opensWithNothing: !mayCall(c.var.caller.identity, "watchJobs"),
        lines: (job) => [jobJson(job)],
        id: () => "",
        defaultType: EVENTS_TYPE,
      }, answerOptions);
    },

    async startJob(c) {
      const request = await readBody(c, OPERATIONS.startJob.body);
      return c.json(jobJson(await service.startJob(request, contextOf(c))), 201);
    },

    async getJob(c) {
      const { wait } = readQuery(c, OPERATIONS.getJob);
      const request = { jobId: readJobId(c) };
      if (wait === undefined) return c.json(jobJson(await service.getJob(request, contextOf(c))));
      c.env.openEnded();
      return c.json(jobJson(await waitAtMost(parseDuration(wait), service, request, contextOf(c))));
    },

    async stopJob(c) {
      const jobId = readJobId(c);
      const how = await readBody(c, OPERATIONS.stopJob.body, { optional: true });
      return c.json(jobJson(await service.stopJob({ jobId, ...how }, contextOf(c))));
    },

    async signalJob(c) {
      const jobId = readJobId(c);
      const { signal } = await readBody(c, OPERATIONS.signalJob.body);
      return c.json(jobJson(await service.signalJob({ jobId, signal }, contextOf(c))));
    },

    async updateJob(c) {
      const jobId = readJobId(c);
      const change = await readBody(c, OPERATIONS.updateJob.body);
      return c.json(jobJson(await service.updateJob({ jobId, ...change }, contextOf(c))));
    },

    async writeInput(c) {
      const jobId = readJobId(c);
      const { offset, end } = readQuery(c, OPERATIONS.writeInput);
      const data = await readBodyBytes(c);
      c.env.openEnded();
      const request = { jobId, offset, data, end: isSet(end) };
      return c.json(await service.writeInput(request, contextOf(c)));
    },

    async readOutput(c) {
      const { stream, offset, end, maxBytes } = readQuery(c, OPERATIONS.readOutput);
      const request = {
        jobId: readJobId(c),
        streams: streamsOf(stream),
        offset,
        ...(end !== undefined && { endOffset: end }),
        maxBytes,
      };
      // A field without a parameter in the query does not compile.
      true satisfies Alike<typeof request, GetLogsRequest>;
      const { stdout, stderr, ...page } = await service.getLogs(request, contextOf(c));
      return c.json({ ...page, stdout: stdout.toBase64(), stderr: stderr.toBase64() });
    },

    async pruneJobs(c) {
      const request = await readBody(c, OPERATIONS.pruneJobs.body);
      const { jobs, ...sums } = await service.pruneJobs(request, contextOf(c));
      return c.json({ jobs: jobs.map(jobJson), ...sums });
    },

    async listHosts(c) {
      const { host = "", label = [] } = readQuery(c, OPERATIONS.listHosts);
      const on = { host, labels: labelsOf(label) };
      true satisfies Alike<typeof on, HostSelector>;
      const isAny = host === "" && label.length === 0;
      const { hosts } = await service.listHosts(isAny ? {} : { on }, contextOf(c));
      return c.json({ hosts: hosts.map(hostJson) });
    },

    readLog: (c) => logAnswer(c, service, readJobId(c), answerOptions),

    readAudit: (c) => auditAnswer(c, service, answerOptions),

    document: (c) => c.json(document),
  };
}

/** The filter that a query asks for. */
export function filterOf(query: z.output<typeof schemas.jobFilter>): JobFilter {
  const {
    status,
    owner,
    label,
    jobIdPrefix,
    jobIdSuffix,
    name,
    host,
    startedAfter,
    startedBefore,
  } = query;
  const filter = {
    ...(status !== undefined && { statuses: status }),
    ...(owner !== undefined && { owner }),
    ...(label !== undefined && { labels: labelsOf(label) }),
    ...(jobIdPrefix !== undefined && { jobIdPrefix }),
    ...(jobIdSuffix !== undefined && { jobIdSuffix }),
    ...(name !== undefined && { name }),
    ...(startedAfter !== undefined && { startedAfter: Date.parse(startedAfter) }),
    ...(startedBefore !== undefined && { startedBefore: Date.parse(startedBefore) }),
    ...(host !== undefined && { host }),
  };
  // A filter without a parameter does not compile.
  true satisfies Alike<typeof filter, JobFilter>;
  return filter;
}

/** Labels as a query has them, `NAME=VALUE` each. */
export function labelsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => {
    const separator = pair.indexOf("=");
    return [pair.slice(0, separator), pair.slice(separator + 1)];
  }));
}

/** The job once it has ended, or as it is when the time is over. */
async function waitAtMost(
  ms: number,
  service: JobService,
  request: JobRequest,
  context: CallContext,
): Promise<Job> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), ms);
  const signal = AbortSignal.any([context.signal, over.signal]);
  try {
    return await service.waitJob(request, { ...context, signal });
  } catch (error) {
    if (!over.signal.aborted || context.signal.aborted) throw error;
    return await service.getJob(request, context);
  } finally {
    clearTimeout(timer);
  }
}
