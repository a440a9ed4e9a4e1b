/**
 * What is asked of jobs.
 *
 * @module
 */

import type { Alike } from "../../service/alike.ts";
import type { StopJobRequest } from "../../service/job_service.ts";
import * as z from "../../text/zod.ts";
import { MAX_PAGE_JOBS } from "../../job/page_limit.ts";
import * as fields from "../../service/fields.ts";
import { JOB_STATUSES, LOG_POLICIES } from "../../job/types.ts";
import { execution } from "./job.ts";
import { about, ARGUMENTS, dateTime, isSet, named, PROGRAM } from "./pieces.ts";

const logPolicy = z.enum(LOG_POLICIES).meta({
  description: "What happens at the limit: drop the oldest output, or end the job.",
});

export const newJob = z.strictObject({
  command: z.strictObject({
    name: about(fields.commandName, PROGRAM),
    args: about(fields.args, ARGUMENTS).default([]),
    env: fields.variables.default({}).meta({
      description: "Added to the clean environment of the job.",
    }),
    workingDirectory: fields.workingDirectory.default("").meta({
      description: "An absolute path. Empty: the daemon's default.",
    }),
  }),
  labels: fields.labels.default({}),
  requestId: fields.requestId.default("").meta({
    description:
      "Chosen by the client. A repeated request with the same value returns the same job.",
  }),
  logLimit: z.strictObject({
    bytes: fields.logLimitBytes.exactOptional(),
    policy: logPolicy.exactOptional(),
  }).exactOptional().meta({ description: "The daemon chooses what is left out." }),
  execution: execution.exactPartial().exactOptional().meta({
    description: "The daemon chooses what is left out.",
  }),
  queue: z.boolean().default(false).meta({
    description:
      "Whether it may wait, if too many jobs run: it is then queued, and starts by itself. Otherwise it is " +
      "refused.",
  }),
  on: z.strictObject({
    host: z.literal("").or(fields.hostName).default("").meta({ description: "Empty: any." }),
    labels: fields.labelFilter.default({}).meta({ description: "A host must have all of these." }),
  }).exactOptional().meta({
    description: "Where in a fleet it is to run; anywhere by default. Only a hub takes it.",
  }),
}).register(named, { id: "NewJob" });

export const jobStop = z.strictObject({
  stopSignal: fields.stopSignal.default("").meta({
    description: "The signal to send first, a name or number as in signal(7). SIGTERM by default.",
  }),
  gracePeriodMs: fields.gracePeriodMs.nullable().default(null).meta({
    description:
      "Between that signal and SIGKILL. By default, the grace period the job was started with.",
  }),
}).register(named, { id: "JobStop" });

true satisfies Alike<StopJobRequest, z.output<typeof jobStop> & { readonly jobId: string }>;

export const jobQuery = z.strictObject({
  status: z.array(z.enum(JOB_STATUSES)).refine(isSet, { error: "must name each status once" })
    .meta({ uniqueItems: true }).optional(),
  owner: fields.owner.optional(),
  label: z.array(fields.labelPair)
    .refine(
      (pairs) =>
        pairs.length <= fields.MAX_LABELS && isSet(pairs.map((pair) => pair.split("=")[0])),
      {
        error: `must be at most ${fields.MAX_LABELS} labels, each name once`,
      },
    )
    .meta({ maxItems: fields.MAX_LABELS, uniqueItems: true }).optional().meta({
      description: "NAME=VALUE, each name at most once. A job must have all of these labels.",
    }),
  jobIdPrefix: fields.jobIdPrefix.optional(),
  startedAfter: dateTime.optional(),
  startedBefore: dateTime.optional(),
  host: fields.hostName.optional().meta({ description: "The host of a fleet that has it." }),
  pageSize: fields.whole(MAX_PAGE_JOBS, 1).default(fields.DEFAULT_PAGE_SIZE),
  pageToken: fields.pageToken.default(""),
});
