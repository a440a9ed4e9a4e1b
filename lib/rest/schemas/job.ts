/**
 * A job as it is told, and how it is run.
 *
 * @module
 */

import type { Alike } from "../../service/alike.ts";
import type { JobJson } from "../../job/job_json.ts";
import * as z from "../../text/zod.ts";
import * as fields from "../../service/fields.ts";
import { MAX_COUNTED } from "../../job/status_counts.ts";
import {
  CONTAINMENTS,
  JOB_REASONS,
  JOB_STATUSES,
  LOG_POLICIES,
  NOTIFICATION_STATES,
} from "../../job/types.ts";
import { about, bytes, dateTime, jobId, jobStatus, labels, named, oneOf } from "./pieces.ts";

export const exitStatus = z.union([
  z.object({ code: z.int() }),
  z.object({ signal: z.string() }),
]).nullable();
const milliseconds = z.number().min(0);

const limits = z.strictObject({
  memoryBytes: fields.memoryBytes,
  cpus: about(fields.cpus, "0.5 is half the time of one processor."),
  processes: fields.processes,
}).exactPartial();

export const execution = z.strictObject({
  user: about(fields.user, "The user it runs as. Empty: the daemon's default."),
  umask: about(fields.umask, "Octal. Empty: that of the daemon."),
  nice: about(fields.nice, "Added to the niceness of the daemon."),
  timeoutMs: about(fields.timeoutMs, "How long it may run. 0: without limit."),
  gracePeriodMs: about(
    fields.gracePeriodMs,
    "Between the stop signal and SIGKILL, unless the stop request says otherwise.",
  ),
  limits,
  hasInput: z.boolean().meta({
    description: "Whether clients may write to its standard input, which is /dev/null otherwise.",
  }),
});

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
  name: z.string().meta({ description: "What its owner calls it. Empty: nothing." }),
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
  exitStatus,
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
  notify: z.object({
    url: z.string().meta({ description: "Only its owner and admins see more than the host." }),
    state: oneOf(NOTIFICATION_STATES),
  }).exactOptional().meta({ description: "The webhook that is told how it has ended." }),
  host: z.string().exactOptional().meta({ description: "The host of a fleet that has it." }),
  on: z.object({ host: z.string(), labels }).exactOptional().meta({
    description: "Where in a fleet it was to run, if a hub was asked to start it.",
  }),
  asOf: dateTime.exactOptional().meta({
    description:
      "If that host cannot be reached: when it was last heard. The job is told as it was then.",
  }),
}).register(named, { id: "Job" });

// A field that only one of JobJson and the schema has does not compile.
true satisfies Alike<JobJson, z.output<typeof job>>;

export const prunedJobs = z.object({
  jobs: z.array(job).meta({ description: "Newest first: at most 1000, fewer if they are large." }),
  count: bytes.meta({ description: "How many there were in all." }),
  bytes: bytes.meta({ description: "What their logs took on disk." }),
}).register(named, { id: "PrunedJobs" });

const statusCounts = z.record(z.enum(JOB_STATUSES), z.int().min(0)).meta({
  description:
    `How many jobs there are of each status, if asked for. ${MAX_COUNTED} also stands for any more.`,
});

export const jobList = z.object({
  jobs: z.array(job).meta({ description: "Newest first." }),
  nextPageToken: z.string().meta({ description: "Empty on the last page." }),
  counts: statusCounts.exactOptional(),
}).register(named, { id: "JobList" });
