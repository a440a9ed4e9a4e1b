/**
 * What goes over the wire in JSON, each message once: requests are checked by these schemas, and
 * `/openapi.json` is made of them. Beyond types, what a request may hold is known to the service.
 *
 * @module
 */

import { z } from "zod";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import { CONTAINMENTS, JOB_STATUSES, LOG_POLICIES } from "../worker/types.ts";

/** The messages that have a name in the API's document. */
export const named = z.registry<{ id: string }>();

const jobId = z.string().meta({
  description: "A UUIDv7 in lower case.",
  format: "uuid",
});
const dateTime = z.iso.datetime({ offset: true });
const jobStatus = z.enum(JOB_STATUSES).meta({
  description: "`cancelled`: a user or the shutdown of the daemon has stopped it.",
});
const labels = z.record(z.string(), z.string());
const bytes = z.int().min(0);
const logStream = z.enum(["stdout", "stderr"]);
const logPolicy = z.enum(LOG_POLICIES).meta({
  description: "What happens at the limit: drop the oldest output, or end the job.",
});

const milliseconds = z.number().min(0);
const limits = z.strictObject({
  memoryBytes: z.number().exactOptional(),
  cpus: z.number().exactOptional().meta({ description: "0.5 is half a processor's time." }),
  processes: z.number().exactOptional(),
});
const execution = z.strictObject({
  user: z.string().meta({ description: "Whose rights it has; empty: the daemon's choice." }),
  umask: z.string().meta({ description: "Octal; empty: the daemon's." }),
  nice: z.number().meta({ description: "-20 to 19, added to the daemon's." }),
  timeoutMs: milliseconds.meta({ description: "How long it may run; 0: for ever." }),
  gracePeriodMs: milliseconds.meta({ description: "For a stop that does not say." }),
  limits,
});

// The four paths of the design.

const error = z.string().nullable().meta({ description: "What went wrong, if something did." });

export const healthAnswer = z.object({ status: z.literal("ok") }).register(named, {
  id: "HealthAnswer",
});

export const startCommand = z.strictObject({
  command: z.string().meta({ description: "A path, or a name to look up in PATH. No shell." }),
  args: z.array(z.string()).default([]),
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
  finishDate: dateTime.nullable(),
  exitStatus: z.union([z.object({ code: z.int() }), z.object({ signal: z.string() })]).nullable(),
  reason: z.enum([
    "exited",
    "signaled",
    "stopped",
    "timeout",
    "log_limit",
    "shutdown",
    "lost",
  ]).nullable().meta({ description: "Why it has ended; null while it runs." }),
  stdoutBytes: bytes,
  stderrBytes: bytes,
  execution: execution.extend({ hasInput: z.boolean() }),
  containment: z.enum(CONTAINMENTS),
  usage: z.object({
    cpuMs: milliseconds.nullable(),
    peakMemoryBytes: bytes.nullable(),
    oomKills: bytes.nullable(),
  }).nullable().meta({ description: "Known once it has ended, where the kernel tells." }),
  logLimit: z.object({ bytes, policy: logPolicy }),
  logBytes: bytes.meta({ description: "What the log takes on disk." }),
  labels,
  outputCut: z.boolean(),
  detail: z.string().exactOptional().meta({ description: "More about the reason." }),
}).register(named, { id: "Job" });

export const jobList = z.object({
  jobs: z.array(job).meta({ description: "Newest first." }),
  nextPageToken: z.string().meta({ description: "Empty on the last page." }),
}).register(named, { id: "JobList" });

export const newJob = z.strictObject({
  command: z.strictObject({
    name: z.string().meta({ description: "A path, or a name to look up in PATH. No shell." }),
    args: z.array(z.string()).default([]),
    env: labels.default({}).meta({ description: "Added to the clean environment of the job." }),
    workingDirectory: z.string().default("").meta({ description: "Absolute; empty: the default." }),
  }),
  labels: labels.default({}),
  requestId: z.string().default("").meta({
    description: "Chosen by the client: a repeat with the same value returns the same job.",
  }),
  logLimit: z.strictObject({
    bytes: bytes.exactOptional(),
    policy: logPolicy.exactOptional(),
  }).exactOptional().meta({ description: "What is left out is the daemon's choice." }),
  execution: z.strictObject({
    user: execution.shape.user.exactOptional(),
    umask: execution.shape.umask.exactOptional(),
    nice: execution.shape.nice.exactOptional(),
    timeoutMs: execution.shape.timeoutMs.exactOptional(),
    gracePeriodMs: execution.shape.gracePeriodMs.exactOptional(),
    limits: limits.exactOptional(),
  }).exactOptional().meta({ description: "The same." }),
}).register(named, { id: "NewJob" });

export const jobStop = z.strictObject({
  stopSignal: z.string().default("").meta({
    description: "A name as in signal(7), sent first; SIGTERM by default.",
  }),
  gracePeriodMs: z.number().nullable().default(null).meta({
    description: "Between that signal and SIGKILL; 10000 by default.",
  }),
}).register(named, { id: "JobStop" });

export const jobQuery = z.strictObject({
  status: z.array(z.enum(JOB_STATUSES)).optional(),
  owner: z.string().optional(),
  label: z.array(z.string().regex(/^[^=]+=/)).optional().meta({
    description: "NAME=VALUE; a job must have every one of them.",
  }),
  jobIdPrefix: z.string().optional(),
  startedAfter: dateTime.optional(),
  startedBefore: dateTime.optional(),
  pageSize: z.int().min(1).max(1000).default(100),
  pageToken: z.string().default(""),
});

export const logQuery = z.strictObject({
  stream: z.enum(["stdout", "stderr", "both"]).default("both"),
  follow: z.boolean().default(false).meta({ description: "Go on until the job ends." }),
  offset: bytes.optional().meta({ description: "Start behind so many bytes of output." }),
  tail: bytes.optional().meta({ description: "Start so many lines before the end." }),
  since: dateTime.optional().meta({ description: "Start at this time." }),
});

export const logRecord = z.object({
  offset: bytes.meta({ description: "How many bytes of output, of both streams, came before." }),
  time: dateTime,
  stream: logStream,
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
