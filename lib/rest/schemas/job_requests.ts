/**
 * What is asked of jobs.
 *
 * @module
 */

import type { Alike } from "../../service/alike.ts";
import type {
  PruneJobsRequest,
  SignalJobRequest,
  StopJobRequest,
  UpdateJobRequest,
} from "../../service/job_service.ts";
import * as z from "../../text/zod.ts";
import { IF_HOST_LOST } from "../../job/host.ts";
import { MAX_PAGE_JOBS } from "../../job/page_limit.ts";
import * as fields from "../../service/fields.ts";
import { JOB_STATUSES, LOG_POLICIES } from "../../job/types.ts";
import { execution } from "./job.ts";
import { about, ARGUMENTS, dateTime, flag, isSet, labelPairs, named, PROGRAM } from "./pieces.ts";

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
  name: z.literal("").or(fields.jobName).exactOptional().meta({
    description:
      "What the caller calls it. No two of their jobs that run or are queued have the same name. Empty: nothing.",
  }),
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
  queue: z.boolean().exactOptional().meta({
    description:
      "Whether it may wait, if too many jobs run: it is then queued, and starts by itself. If not, it is refused. " +
      "By default it may wait only at the hub of a fleet.",
  }),
  notify: fields.notifyUrl.exactOptional().meta({
    ...fields.notifyUrl.meta(),
    description:
      "The URL of a webhook that is told how it has ended, at a host that the daemon allows.",
  }),
  on: z.strictObject({
    host: z.literal("").or(fields.hostName).default("").meta({ description: "Empty: any." }),
    labels: fields.labelFilter.default({}).meta({ description: "A host must have all of these." }),
  }).exactOptional().meta({
    description: "Where in a fleet it is to run; anywhere by default. Only a hub takes it.",
  }),
  priority: fields.priority.exactOptional().meta({
    ...fields.priority.meta(),
    description:
      "Those with a higher one leave the queue of a fleet first; 0 by default. More is for admins. Only a hub takes it.",
  }),
  ifHostLost: z.enum(IF_HOST_LOST).exactOptional().meta({
    description:
      "What becomes of it if the host is lost that has it: it waits, by default, or is run again " +
      "elsewhere, so that it may run twice. Only a hub takes the latter.",
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

/** A longer wait is made of several: proxies in between give up on what takes longer. */
export const jobWait = z.strictObject({
  wait: fields.text({
    pattern: "^(?:(?:[0-9]{1,2}|[12][0-9]{2}|300)s|[1-5]m)$",
    error: "must be at most 5 minutes, such as 30s or 5m",
  }).optional().meta({
    description: "Answer once the job has ended, or after this time with the job as it is then.",
  }),
});

export const jobSignal = z.strictObject({
  signal: about(fields.signal, "A name or number as in signal(7)."),
}).register(named, { id: "JobSignal" });

export const jobUpdate = z.strictObject({
  timeoutMs: about(fields.timeoutMs, "Counted from the start of the job. 0: without limit."),
}).register(named, { id: "JobUpdate" });

true satisfies Alike<SignalJobRequest, z.output<typeof jobSignal> & { readonly jobId: string }>;
true satisfies Alike<UpdateJobRequest, z.output<typeof jobUpdate> & { readonly jobId: string }>;

const retention = {
  maxAgeMs: about(fields.position, "How long ago they finished."),
  maxCount: fields.position,
  maxBytes: about(fields.position, "What their logs take on disk."),
};

/** The service checks for every API that there is a limit; here, the document says so. */
export const jobPrune = z.strictObject({
  ...z.object(retention).exactPartial().shape,
  dryRun: z.boolean().default(false).meta({
    description: "Only tell what would be removed.",
  }),
  owner: fields.owner.default("").meta({
    description: "Empty: everybody whose jobs the caller may remove.",
  }),
}).meta({
  description: "The newest jobs are kept as far as all limits allow. At least one must be given.",
  anyOf: Object.keys(retention).map((limit) => ({ required: [limit] })),
}).register(named, { id: "JobPrune" });

true satisfies Alike<PruneJobsRequest, z.output<typeof jobPrune>>;

/** Which jobs to list or watch. */
export const jobFilter = z.strictObject({
  status: z.array(z.enum(JOB_STATUSES)).refine(isSet, { error: "must name each status once" })
    .meta({ uniqueItems: true }).optional(),
  owner: fields.owner.optional(),
  label: labelPairs.optional().meta({
    description: "NAME=VALUE, each name at most once. A job must have all of these labels.",
  }),
  jobIdPrefix: fields.jobIdPrefix.optional(),
  jobIdSuffix: fields.jobIdSuffix.optional(),
  name: fields.jobName.optional().meta({ description: "What its owner calls it." }),
  startedAfter: dateTime.optional(),
  startedBefore: dateTime.optional(),
  host: fields.hostName.optional().meta({ description: "The host of a fleet that has it." }),
});

export const jobQuery = jobFilter.extend({
  own: flag.default("0").meta({
    description: "Only jobs of the caller's own, whoever's they may see.",
  }),
  counts: flag.default("0").meta({
    description: "Tell as well how many jobs of each status match the rest of the filter.",
  }),
  pageSize: fields.whole(MAX_PAGE_JOBS, 1).default(fields.DEFAULT_PAGE_SIZE),
  pageToken: fields.pageToken.default(""),
});

export const watchQuery = jobFilter.extend({
  newest: fields.whole(MAX_PAGE_JOBS).default(0).meta({
    description: "With how many jobs as they are it begins, the newest. 0: with all.",
  }),
});
