/**
 * The JSON messages of the API. Requests are checked by these schemas, and `/openapi.json` is made from them.
 * What a request may hold beyond its types is known to the service.
 *
 * @module
 */

import { readDateTime } from "../text/date_time.ts";
import type { Alike } from "../service/alike.ts";
import type { AuditRecord, StopJobRequest } from "../service/job_service.ts";
import type { JobJson } from "../job/job_json.ts";
import * as z from "../text/zod.ts";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import { IF_HOST_LOST } from "../job/host.ts";
import { MAX_ENTRIES } from "../job/max_entries.ts";
import { MAX_PAGE_JOBS } from "../job/page_limit.ts";
import * as fields from "../service/fields.ts";
import {
  CONTAINMENTS,
  JOB_REASONS,
  JOB_STATUSES,
  LOG_POLICIES,
  LOG_STREAMS,
} from "../job/types.ts";

/** No keyword says it, because so many do not fit into a body unless they are short. */
const ARGUMENTS = `At most ${MAX_ENTRIES["command.args"]}.`;

const PROGRAM = "A path, or a name to look up in PATH. No shell is involved.";

/** A field with a description added to what it may hold. */
function about<T extends z.ZodType>(field: T, description: string): T {
  return field.meta({ ...field.meta(), description });
}

/** The messages that have a name in the OpenAPI document. */
export const named = z.registry<{ id: string }>();

export const jobId = about(
  fields.jobId.meta({ ...fields.jobId.meta(), format: "uuid" }),
  "A UUIDv7.",
);
const dateTime = z.iso.datetime({ offset: true, error: ({ input }) => dateTimeFault(input) });

/** One of these words in an answer. A newer version of the daemon may have stored others before a downgrade. */
function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum([...words, "unknown"]);
}

const jobStatus = oneOf(JOB_STATUSES).meta({
  description:
    "`cancelled`: a user stopped it, or the daemon shut down. Newer daemons may have more " +
    "statuses; treat one that you do not know as `unknown`.",
});
const labels = z.record(z.string(), z.string());
const bytes = z.int().min(0);
const logPolicy = z.enum(LOG_POLICIES).meta({
  description: "What happens at the limit: drop the oldest output, or end the job.",
});

const milliseconds = z.number().min(0);
const limits = z.strictObject({
  memoryBytes: fields.memoryBytes,
  cpus: about(fields.cpus, "0.5 is half the time of one processor."),
  processes: fields.processes,
}).exactPartial();
const execution = z.strictObject({
  user: about(fields.user, "The user it runs as. Empty: the daemon's default."),
  umask: about(fields.umask, "Octal. Empty: that of the daemon."),
  nice: about(fields.nice, "Added to the niceness of the daemon."),
  timeoutMs: about(fields.timeoutMs, "How long it may run. 0: without limit."),
  gracePeriodMs: about(
    fields.gracePeriodMs,
    "Between the stop signal and SIGKILL, unless the stop request says otherwise.",
  ),
  limits,
});

// The four paths outside /v1/, which stay as they are.

const error = z.string().nullable().meta({ description: "What went wrong; null if nothing did." });

export const healthAnswer = z.object({ status: z.literal("ok") }).register(named, {
  id: "HealthAnswer",
});

export const startCommand = z.strictObject({
  command: about(fields.commandName, PROGRAM),
  args: about(fields.args, ARGUMENTS).default([]),
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

// The paths under /v1/.

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
  pid: z.int().meta({
    description:
      "The id of its first process, which is also that of its process group and session; 0 before it has one.",
  }),
  owner: z.string(),
  queueDate: dateTime.nullable().meta({
    description: "When it was queued; null if it did not have to wait.",
  }),
  queue: z.object({
    position: z.int().min(1).meta({ description: "1 for the next one." }),
    length: z.int().min(1).meta({ description: "How many jobs wait in all." }),
    reason: z.string().meta({ description: "What it waits for, in words." }),
  }).nullable().meta({
    description:
      "Its place at the moment, while it waits; null otherwise. Owners take turns, and of each owner the " +
      "oldest job is first.",
  }),
  startDate: dateTime.nullable().meta({ description: "Null for a job that has not run." }),
  finishDate: dateTime.nullable().meta({
    description:
      "For a lost job, the latest time at which it is known to have been running; for one that never ran, " +
      "when it left the queue.",
  }),
  exitStatus: z.union([z.object({ code: z.int() }), z.object({ signal: z.string() })]).nullable(),
  reason: oneOf(JOB_REASONS).nullable().meta({
    description: "Why it ended; null until then.",
  }),
  stdoutBytes: bytes,
  stderrBytes: bytes,
  execution: execution.extend({
    user: z.string().meta({
      description:
        "The user it runs as, or the id of one that it has for itself. Empty: the daemon's.",
    }),
    hasInput: z.boolean(),
  }),
  containment: oneOf(CONTAINMENTS),
  usage: z.object({
    cpuMs: milliseconds.nullable(),
    peakMemoryBytes: bytes.nullable(),
    oomKills: bytes.nullable(),
  }).nullable().meta({ description: "Set once it has ended, as far as the kernel reports it." }),
  logLimit: z.object({ bytes, policy: oneOf(LOG_POLICIES) }),
  logBytes: bytes.meta({ description: "The size of the log on disk." }),
  labels,
  outputTruncated: z.boolean(),
  detail: z.string().exactOptional().meta({ description: "More about why it ended." }),
  host: z.string().exactOptional().meta({ description: "The host of a fleet that has it." }),
  asOf: dateTime.exactOptional().meta({
    description:
      "If that host cannot be reached: when it was last heard. The job is told as it was then.",
  }),
}).register(named, { id: "Job" });

// A field that only one of JobJson and the schema has does not compile.
true satisfies Alike<JobJson, z.output<typeof job>>;

export const jobList = z.object({
  jobs: z.array(job).meta({ description: "Newest first." }),
  nextPageToken: z.string().meta({ description: "Empty on the last page." }),
}).register(named, { id: "JobList" });

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
  queue: z.boolean().exactOptional().meta({
    description:
      "Whether it may wait, if too many jobs run: it is then queued, and starts by itself. If not, it is refused. " +
      "By default it may wait only at the hub of a fleet.",
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

/** What is wrong with a date; `undefined` if the general message says it. */
function dateTimeFault(input: unknown): string | undefined {
  const fault = typeof input === "string" ? readDateTime(input) : undefined;
  return typeof fault === "string" ? fault : undefined;
}

function isSet(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

const flag = z.enum(["0", "1", "false", "true"]);

export const logQuery = z.strictObject({
  stream: z.enum(["stdout", "stderr", "both"]).default("both"),
  follow: flag.default("0").meta({
    description: "Keep sending output until the job ends.",
  }),
  offset: fields.position.optional().meta({ description: "Skip this many bytes of output." }),
  tail: fields.tailLines.optional().meta({ description: "Start this many lines before the end." }),
  since: dateTime.optional().meta({ description: "Start at this time." }),
  end: fields.position.optional().meta({
    description:
      "End after this many bytes of output, counted from the first: the Log-End of an earlier " +
      "answer. Without it, and without follow, the log ends with what is stored when it is asked for. " +
      "It cannot be combined with follow, nor be less than offset.",
  }),
});

export const logRecord = z.object({
  offset: bytes.meta({
    description: "How many bytes of output, of both streams together, came before this record.",
  }),
  time: dateTime.meta({
    description: "When the daemon read it, but no later than the end of the job.",
  }),
  stream: oneOf(LOG_STREAMS),
  data: z.base64(),
  text: z.string().optional().meta({ description: "The same as text, if it is valid UTF-8." }),
}).register(named, { id: "LogRecord" });

export const logGap = z.object({
  gap: z.object({ from: bytes, to: bytes }).meta({
    description: "Bytes of output that were dropped to keep the log within its limit.",
  }),
}).register(named, { id: "LogGap" });

export const logEnd = z.object({ finishedJob: job }).register(named, { id: "LogEnd" });

export const auditQuery = z.strictObject({
  user: fields.owner.optional(),
  jobIdPrefix: fields.jobIdPrefix.optional(),
  method: fields.auditMethod.optional(),
  denied: flag.default("0").meta({ description: "Only what was denied." }),
  since: dateTime.optional().meta({ description: "Only lines from then on." }),
  follow: flag.default("0").meta({
    description: "Keep sending lines as they come. An empty line is sent during silences.",
  }),
});

const auditFacts = z.object({
  user: z.string(),
  roles: z.array(z.string()),
  fingerprint: z.string().meta({ description: "SHA-256 of the client certificate." }),
  peer: z.string().meta({ description: "Address and port." }),
  via: z.string().meta({ description: "The hub of a fleet that has brought the call." }),
  method: z.string(),
  jobId: z.string(),
  argv: z.array(z.string()).meta({ description: "For a start: the command and its arguments." }),
  argvTruncated: bytes.meta({ description: "How many characters of the arguments are missing." }),
  runAs: z.string().meta({
    description: "For a start: the user of the system that the job runs as.",
  }),
  decision: z.string().meta({ description: "`allowed` or `denied`." }),
  result: z.string().meta({ description: "`ok`, `opened` or the code of an error." }),
  why: z.string(),
  unreported: bytes.meta({ description: "How many lines like this were left out before it." }),
  lost: bytes.meta({
    description: "How many lines were lost while the disk took none: this one is in their place.",
  }),
  damaged: z.object({ from: bytes, to: bytes }).meta({
    description: "Bytes of the file that a power cut has damaged.",
  }),
}).exactPartial();

export const auditLine = z.object({ time: dateTime }).extend(auditFacts.shape).register(named, {
  id: "AuditLine",
});

export const auditGap = z.object({
  gap: z.object({ from: dateTime, to: dateTime }).meta({
    description: "What was written between these moments was removed before it was read.",
  }),
}).register(named, { id: "AuditGap" });

// A field that only one of AuditRecord and the schema has does not compile.
true satisfies Alike<keyof AuditRecord, keyof z.output<typeof auditLine>>;

/** An error: RFC 9457. */
export const problem = z.object({
  type: z.literal("about:blank"),
  title: z.string().meta({ description: "The name of the status." }),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  reason: z.string().optional().meta({ description: "A code for programs, such as ENOENT." }),
}).register(named, { id: "Problem" });

export const logProblem = z.object({ error: problem }).register(named, { id: "LogProblem" });
