/**
 * What goes over the wire in JSON, each message once: requests are checked by these schemas, and
 * `/openapi.json` is made of them. Beyond types, what a request may hold is known to the service.
 *
 * @module
 */

import { readDateTime } from "../text/date_time.ts";
import type { Alike } from "../service/alike.ts";
import type { StopJobRequest } from "../service/job_service.ts";
import type { JobJson } from "../job/job_json.ts";
import { z } from "../text/zod.ts";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import { MAX_PAGE_JOBS } from "../job/page_limit.ts";
import * as fields from "../service/fields.ts";
import {
  CONTAINMENTS,
  JOB_REASONS,
  JOB_STATUSES,
  LOG_POLICIES,
  LOG_STREAMS,
} from "../job/types.ts";

const PROGRAM = "A path, or a name to look up in PATH. No shell.";

/** A field with what it is for; what it may hold is said already. */
function about<T extends z.ZodType>(field: T, description: string): T {
  return field.meta({ ...field.meta(), description });
}

/** The messages that have a name in the API's document. */
export const named = z.registry<{ id: string }>();

export const jobId = about(
  fields.jobId.meta({ ...fields.jobId.meta(), format: "uuid" }),
  "A UUIDv7.",
);
const dateTime = z.iso.datetime({ offset: true, error: ({ input }) => dateTimeFault(input) });

/** One of these words in an answer. A daemon may have stored others before it was set back to an older version. */
function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum([...words, "unknown"]);
}

const jobStatus = oneOf(JOB_STATUSES).meta({
  description:
    "`cancelled`: a user or the shutdown of the daemon has stopped it. Newer daemons may " +
    "have more; take what you do not know for `unknown`.",
});
const labels = z.record(z.string(), z.string());
const bytes = z.int().min(0);
const logPolicy = z.enum(LOG_POLICIES).meta({
  description: "What happens at the limit: drop the oldest output, or end the job.",
});

const milliseconds = z.number().min(0);
const limits = z.strictObject({
  memoryBytes: fields.memoryBytes,
  cpus: about(fields.cpus, "0.5 is half a processor's time."),
  processes: fields.processes,
}).exactPartial();
const execution = z.strictObject({
  user: about(fields.user, "Whose rights it has; empty: the daemon's choice."),
  umask: about(fields.umask, "Octal; empty: the daemon's."),
  nice: about(fields.nice, "Added to the daemon's."),
  timeoutMs: about(fields.timeoutMs, "How long it may run; 0: for ever."),
  gracePeriodMs: about(fields.gracePeriodMs, "For a stop that does not say."),
  limits,
});

// The four paths of the contract, which stay as they are.

const error = z.string().nullable().meta({ description: "What went wrong, if something did." });

export const healthAnswer = z.object({ status: z.literal("ok") }).register(named, {
  id: "HealthAnswer",
});

export const startCommand = z.strictObject({
  command: about(fields.commandName, PROGRAM),
  args: z.array(fields.argument).default([]),
}).register(named, { id: "StartCommand" });

export const startAnswer = z.object({
  status: z.enum(["running", "error"]),
  jobId: z.string().meta({ description: "Empty if there is an error." }),
  error,
}).register(named, { id: "StartAnswer" });

export const stopCommand = z.strictObject({ jobId }).register(named, { id: "StopCommand" });

export const stopAnswer = z.object({ status: z.enum(["success", "error"]), error }).register(
  named,
  { id: "StopAnswer" },
);

export const statusAnswer = z.object({
  status: z.enum(["success", "error"]),
  error,
  jobStatus: jobStatus.nullable(),
}).register(named, { id: "StatusAnswer" });

// What lies under /v1/.

export const command = z.object({
  name: z.string(),
  args: z.array(z.string()),
  env: labels,
  workingDirectory: z.string(),
}).register(named, { id: "Command" });

export const job = z.object({
  jobId,
  command,
  status: jobStatus,
  pid: z.int().meta({ description: "Of the leader; also its process group and session." }),
  owner: z.string(),
  startDate: dateTime,
  finishDate: dateTime.nullable().meta({
    description: "Of a lost job: the latest time at which it is known to have run.",
  }),
  exitStatus: z.union([z.object({ code: z.int() }), z.object({ signal: z.string() })]).nullable(),
  reason: oneOf(JOB_REASONS).nullable().meta({
    description: "Why it has ended; null while it runs.",
  }),
  stdoutBytes: bytes,
  stderrBytes: bytes,
  execution: execution.extend({ hasInput: z.boolean() }),
  containment: oneOf(CONTAINMENTS),
  usage: z.object({
    cpuMs: milliseconds.nullable(),
    peakMemoryBytes: bytes.nullable(),
    oomKills: bytes.nullable(),
  }).nullable().meta({ description: "Known once it has ended, where the kernel tells." }),
  logLimit: z.object({ bytes, policy: oneOf(LOG_POLICIES) }),
  logBytes: bytes.meta({ description: "What the log takes on disk." }),
  labels,
  outputTruncated: z.boolean(),
  detail: z.string().exactOptional().meta({ description: "More about the reason." }),
}).register(named, { id: "Job" });

// A field that is said and not described, or the other way round, does not compile.
true satisfies Alike<JobJson, z.output<typeof job>>;

export const jobList = z.object({
  jobs: z.array(job).meta({ description: "Newest first." }),
  nextPageToken: z.string().meta({ description: "Empty on the last page." }),
}).register(named, { id: "JobList" });

export const newJob = z.strictObject({
  command: z.strictObject({
    name: about(fields.commandName, PROGRAM),
    args: z.array(fields.argument).default([]),
    env: fields.variables.default({}).meta({
      description: "Added to the clean environment of the job.",
    }),
    workingDirectory: fields.workingDirectory.default("").meta({
      description: "Absolute; empty: the default.",
    }),
  }),
  labels: fields.labels.default({}),
  requestId: fields.requestId.default("").meta({
    description: "Chosen by the client: a repeat with the same value returns the same job.",
  }),
  logLimit: z.strictObject({
    bytes: fields.logLimitBytes.exactOptional(),
    policy: logPolicy.exactOptional(),
  }).exactOptional().meta({ description: "What is left out is the daemon's choice." }),
  execution: execution.exactPartial().exactOptional().meta({ description: "The same." }),
}).register(named, { id: "NewJob" });

export const jobStop = z.strictObject({
  stopSignal: fields.stopSignal.default("").meta({
    description: "A name or a number as in signal(7), sent first; SIGTERM by default.",
  }),
  gracePeriodMs: fields.gracePeriodMs.nullable().default(null).meta({
    description: "Between that signal and SIGKILL; 10000 by default.",
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
      description: "NAME=VALUE, each name once; a job must have every one of them.",
    }),
  jobIdPrefix: fields.jobIdPrefix.optional(),
  startedAfter: dateTime.optional(),
  startedBefore: dateTime.optional(),
  pageSize: fields.whole(MAX_PAGE_JOBS, 1).default(fields.DEFAULT_PAGE_SIZE),
  pageToken: fields.pageToken.default(""),
});

/** What is wrong with a date; where it is but written too freely, the general words do. */
function dateTimeFault(input: unknown): string | undefined {
  const fault = typeof input === "string" ? readDateTime(input) : undefined;
  return typeof fault === "string" ? fault : undefined;
}

function isSet(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

export const logQuery = z.strictObject({
  stream: z.enum(["stdout", "stderr", "both"]).default("both"),
  follow: z.enum(["0", "1", "false", "true"]).default("0").meta({
    description: "Go on until the job ends.",
  }),
  offset: fields.position.optional().meta({ description: "Start behind so many bytes of output." }),
  tail: fields.tailLines.optional().meta({ description: "Start so many lines before the end." }),
  since: dateTime.optional().meta({ description: "Start at this time." }),
  end: fields.position.optional().meta({
    description:
      "End behind so many bytes of output, the Log-End of an earlier answer. Without it, " +
      "and without follow, the log ends at what there is when it is asked for. Not with follow, nor " +
      "before offset.",
  }),
});

export const logRecord = z.object({
  offset: bytes.meta({ description: "How many bytes of output, of both streams, came before." }),
  time: dateTime.meta({ description: "When it was read; at the latest when the job ended." }),
  stream: oneOf(LOG_STREAMS),
  data: z.base64(),
  text: z.string().optional().meta({ description: "The same, where it is UTF-8." }),
}).register(named, { id: "LogRecord" });

export const logGap = z.object({
  gap: z.object({ from: bytes, to: bytes }).meta({
    description: "Bytes of output that were dropped to keep the log within its limit.",
  }),
}).register(named, { id: "LogGap" });

export const logEnd = z.object({ finishedJob: job }).register(named, { id: "LogEnd" });

/** An error: RFC 9457. */
export const problem = z.object({
  type: z.literal("about:blank"),
  title: z.string().meta({ description: "The name of the status." }),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  reason: z.string().optional().meta({ description: "For programs, such as ENOENT." }),
}).register(named, { id: "Problem" });

export const logProblem = z.object({ error: problem }).register(named, { id: "LogProblem" });
