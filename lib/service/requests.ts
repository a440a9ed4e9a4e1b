/**
 * What requests may hold beyond their types. For every API it is checked here, once.
 *
 * @module
 */

import type { Alike } from "./alike.ts";
import * as z from "../text/zod.ts";
import { read } from "../text/zod.ts";
import * as fields from "./fields.ts";
import { IF_HOST_LOST } from "../job/host.ts";
import { MAX_ENTRIES } from "../job/max_entries.ts";
import { parseNotifyUrl, redactUrl } from "../job/notification.ts";
import { MAX_PAGE_JOBS } from "../job/page_limit.ts";
import { type JobMethod, MAX_INPUT_BYTES, type RequestOf } from "./methods.ts";
import { JOB_STATUSES, LOG_POLICIES, LOG_STREAMS } from "../job/types.ts";

/** What can be asked for as the size of a batch of a log, in bytes of output. */
const MAX_BATCH_BYTES = 256 * 1024;
const MIN_BATCH_BYTES = 4 * 1024;

const streams = z.array(z.enum(LOG_STREAMS)).max(MAX_ENTRIES.streams);

const filter = z.strictObject({
  statuses: z.array(z.enum(JOB_STATUSES))
    .refine((statuses) => new Set(statuses).size === statuses.length, {
      error: "must name each status once",
    }).optional(),
  owner: fields.owner.optional(),
  labels: fields.labelFilter.optional(),
  startedAfter: z.number().finite().optional(),
  startedBefore: z.number().finite().optional(),
  jobIdPrefix: fields.jobIdPrefix.optional(),
  jobIdSuffix: fields.jobIdSuffix.optional(),
  name: fields.jobName.optional(),
  host: fields.hostName.optional(),
});

const on = z.strictObject({
  host: z.literal("").or(fields.hostName),
  labels: fields.labelFilter,
});

const start = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("offset"), offset: fields.position }),
  z.strictObject({ kind: z.literal("tail"), lines: fields.tailLines }),
  z.strictObject({ kind: z.literal("since"), time: z.number().finite() }),
]);

/** Types and numbers: the worker, which is also used without the service, knows what execve(2) accepts. */
const command = z.strictObject({
  name: z.string(),
  args: z.array(z.string()).max(MAX_ENTRIES["command.args"]),
  env: fields.atMostVariables(z.record(z.string(), z.string())),
  workingDirectory: z.string(),
});

/** Only types, for that reason. */
const execution = z.strictObject({
  user: z.string(),
  umask: z.string(),
  nice: z.number(),
  timeoutMs: z.number(),
  gracePeriodMs: z.number(),
  limits: z.strictObject({
    memoryBytes: z.number().optional(),
    cpus: z.number().optional(),
    processes: z.number().optional(),
  }),
  hasInput: z.boolean(),
}).partial().optional();

/** What a job is to be, wherever it runs. */
const newJob = {
  command,
  labels: z.record(z.string(), z.string()),
  logLimit: z.strictObject({
    bytes: fields.position.optional(),
    policy: z.enum(LOG_POLICIES).optional(),
  }).optional(),
  execution,
  queue: z.boolean().optional(),
};

const targets = z.array(z.strictObject({
  host: fields.hostName,
  requestId: fields.requestId.refine((id) => id !== "", { error: "must not be empty" }),
  jobId: z.literal("").or(fields.jobId),
  offset: fields.position,
})).max(MAX_ENTRIES.targets).refine(
  (targets) => new Set(targets.map(({ host }) => host)).size === targets.length,
  { error: "must name each host once" },
);

/** The issue of a request that would begin after its end. */
const behindEnd = { path: ["endOffset"], error: "must not be before the offset to start from" };

/** The schema of each method's request. It has every field of the type, and no other: see below. */
const SCHEMAS = {
  startJob: z.strictObject({
    ...newJob,
    name: z.literal("").or(fields.jobName).optional(),
    requestId: fields.requestId,
    // What it may be is for the worker to say.
    notify: z.string().optional(),
    on: on.optional(),
    priority: fields.priority.optional(),
    ifHostLost: z.enum(IF_HOST_LOST).optional(),
  }),
  signalJob: z.strictObject({ jobId: fields.jobId, signal: z.string() }),
  updateJob: z.strictObject({ jobId: fields.jobId, timeoutMs: fields.position }),
  writeInput: z.strictObject({
    jobId: fields.jobId,
    offset: fields.position,
    data: z.instanceof(Uint8Array).refine((data) => data.byteLength <= MAX_INPUT_BYTES, {
      error: `must be at most ${MAX_INPUT_BYTES} bytes`,
    }),
    end: z.boolean(),
  }),
  stopJob: z.strictObject({
    jobId: fields.jobId,
    stopSignal: z.string(),
    gracePeriodMs: z.number().nullable(),
  }),
  getJob: z.strictObject({ jobId: fields.jobId }),
  waitJob: z.strictObject({ jobId: fields.jobId }),
  listJobs: z.strictObject({
    filter,
    own: z.boolean().optional(),
    counts: z.boolean().optional(),
    pageSize: fields.whole(MAX_PAGE_JOBS),
    pageToken: fields.pageToken,
  }),
  getLogs: z.strictObject({
    jobId: fields.jobId,
    streams,
    offset: fields.position,
    endOffset: fields.position.optional(),
    maxBytes: fields.outputBytes,
  }).refine(({ offset, endOffset = Infinity }) => offset <= endOffset, behindEnd),
  streamLogs: z.strictObject({
    jobId: fields.jobId,
    streams,
    start,
    follow: z.boolean(),
    endOffset: fields.position.optional(),
    batchBytes: fields.whole(MAX_BATCH_BYTES, MIN_BATCH_BYTES).optional(),
  })
    .refine(
      ({ start, endOffset = Infinity }) => start.kind !== "offset" || start.offset <= endOffset,
      behindEnd,
    )
    .refine(({ follow, endOffset }) => !follow || endOffset === undefined, {
      path: ["endOffset"],
      error: "must be left out if the log is followed, because it then ends with the job",
    }),
  watchJobs: z.strictObject({ filter, newest: fields.whole(MAX_PAGE_JOBS).optional() }),
  pruneJobs: z.strictObject({
    maxAgeMs: fields.position.optional(),
    maxCount: fields.position.optional(),
    maxBytes: fields.position.optional(),
    dryRun: z.boolean(),
    owner: fields.owner,
  }).refine(
    ({ maxAgeMs, maxCount, maxBytes }) => (maxAgeMs ?? maxCount ?? maxBytes) !== undefined,
    {
      error: "must say what to keep, by age, count or bytes",
    },
  ),
  streamAudit: z.strictObject({
    user: fields.owner,
    jobIdPrefix: fields.jobIdPrefix,
    method: z.literal("").or(fields.auditMethod),
    deniedOnly: z.boolean(),
    since: z.number().finite().optional(),
    follow: z.boolean(),
    position: z.literal("").or(fields.auditPosition),
  }),
  listHosts: z.strictObject({ on: on.optional() }),
  runJobs: z.strictObject({ ...newJob, targets }),
  stopJobs: z.strictObject({
    jobIds: z.array(fields.jobId).max(MAX_ENTRIES.jobIds),
    stopSignal: z.string(),
    gracePeriodMs: z.number().nullable(),
  }),
} as const satisfies Record<JobMethod, z.ZodType>;

// A field that only the type or only the schema has does not compile.
null as unknown as {
  [Name in JobMethod]: Alike<RequestOf<Name>, z.output<typeof SCHEMAS[Name]>>;
} satisfies Record<JobMethod, true>;

/**
 * Refuses a request that cannot be answered.
 *
 * @throws `invalid_argument`, naming the field, its value and what is accepted
 */
export function checkRequest(method: JobMethod, request: unknown): void {
  read<unknown>(SCHEMAS[method], request, "request");
}

const placement = z.strictObject({ jobId: fields.jobId, start: SCHEMAS.startJob });

/** The same for the request of `PlacementService.placeJob()`. */
export function checkPlacement(request: unknown): void {
  read<unknown>(placement, request, "request");
}

/** The names of all fields of a request, `filter.owner` for one. */
export function requestFields(method: JobMethod): string[] {
  return fieldsOf(SCHEMAS[method]);
}

function fieldsOf(schema: z.core.$ZodType): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return fieldsOf(schema.unwrap());
  }
  if (schema instanceof z.ZodDiscriminatedUnion) return schema.options.flatMap(fieldsOf);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries<z.core.$ZodType>(schema.shape).flatMap(([name, member]) => {
    const inner = fieldsOf(member);
    return inner.length === 0 ? [name] : inner.map((field) => `${name}.${field}`);
  });
}

/**
 * The command of a start request, for the audit trail, which records it whether or not the request is valid.
 *
 * @returns `null` if it is not a command
 */
export function commandOf(request: object): z.infer<typeof command> | null {
  return command.safeParse(Reflect.get(request, "command")).data ?? null;
}

/** The webhook of a start request, for the audit trail: what may be a secret is left out, and so is what is none. */
export function webhookOf(request: object): string {
  const url = parseNotifyUrl(String(Reflect.get(request, "notify") ?? ""));
  return url === null ? "" : redactUrl(url.href);
}
