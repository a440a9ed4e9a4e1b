/**
 * What requests may hold, beyond their types. Checked once, here, for every API.
 *
 * @module
 */

import { z } from "zod";
import { JobWorkerError } from "../errors.ts";
import { isJobId } from "../ids.ts";
import { MAX_PAGE_JOBS } from "../page_room.ts";
import { MOST_LABELS } from "../worker/labels.ts";
import { JOB_STATUSES, LOG_POLICIES } from "../worker/types.ts";

/** The most output that one answer of `getOutput` carries, in bytes. */
export const MAX_OUTPUT_BYTES = 1024 * 1024;

/** The most input that one call of `writeInput` carries, in bytes. */
export const MAX_INPUT_BYTES = 1024 * 1024;

/** How many jobs there are on a page if nothing is said. */
export const DEFAULT_PAGE_SIZE = 100;

const jobId = z.string().refine(isJobId, {
  error: "must be a job id, a UUID like 01890a5d-ac96-774b-bcce-b302099a8057",
});
const whole = (max: number) =>
  z.number().refine((value) => Number.isSafeInteger(value) && value >= 0 && value <= max, {
    error: `must be a whole number from 0 to ${max}`,
  });
const position = whole(Number.MAX_SAFE_INTEGER);
const streams = z.array(z.enum(["stdout", "stderr"]));
const printable = (max: number) =>
  z.string().refine((text) => text.length <= max && !/\p{Cc}/u.test(text), {
    error: `must be at most ${max} characters, without control characters`,
  });
const labels = z.record(printable(63), printable(256))
  .refine((labels) => Object.keys(labels).length <= MOST_LABELS, {
    error: `must be at most ${MOST_LABELS} labels`,
  });

const filter = z.strictObject({
  statuses: z.array(z.enum(JOB_STATUSES))
    .refine((statuses) => new Set(statuses).size === statuses.length, {
      error: "must name each status once",
    }).optional(),
  owner: printable(64).optional(),
  labels: labels.optional(),
  startedAfter: z.number().finite().optional(),
  startedBefore: z.number().finite().optional(),
  jobIdPrefix: z.string().regex(/^[0-9a-f-]{0,36}$/, {
    error: "must be the beginning of a job id: up to 36 of 0-9, a-f and -",
  }).optional(),
});

const start = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("offset"), offset: position }),
  z.strictObject({ kind: z.literal("tail"), lines: whole(1_000_000_000) }),
  z.strictObject({ kind: z.literal("since"), time: z.number().finite() }),
]);

/** Types only: what execve(2) accepts is known to the worker, which is used without us too. */
const command = z.strictObject({
  name: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  workingDirectory: z.string(),
});

/** Types only, too. */
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

/** One schema a method. */
const SCHEMAS = {
  startJob: z.strictObject({
    command,
    labels: z.record(z.string(), z.string()),
    requestId: printable(128),
    logLimit: z.strictObject({
      bytes: position.optional(),
      policy: z.enum(LOG_POLICIES).optional(),
    }).optional(),
    execution,
  }),
  signalJob: z.strictObject({ jobId, signal: z.string() }),
  limitJobTime: z.strictObject({ jobId, timeoutMs: position }),
  writeInput: z.strictObject({
    jobId,
    offset: position,
    data: z.instanceof(Uint8Array).refine((data) => data.byteLength <= MAX_INPUT_BYTES, {
      error: `must be at most ${MAX_INPUT_BYTES} bytes`,
    }),
    end: z.boolean(),
  }),
  stopJob: z.strictObject({ jobId, stopSignal: z.string(), gracePeriodMs: z.number().nullable() }),
  getJob: z.strictObject({ jobId }),
  waitJob: z.strictObject({ jobId }),
  listJobs: z.strictObject({
    filter,
    pageSize: whole(MAX_PAGE_JOBS),
    pageToken: z.string().refine((token) => token === "" || isJobId(token), {
      error: "must be a token from the page before",
    }),
  }),
  getOutput: z.strictObject({
    jobId,
    streams,
    offset: position,
    maxBytes: whole(MAX_OUTPUT_BYTES),
  }),
  streamLogs: z.strictObject({ jobId, streams, start, follow: z.boolean() }),
  watchJobs: z.strictObject({ filter }),
  pruneJobs: z.strictObject({
    maxAgeMs: position.optional(),
    maxCount: position.optional(),
    maxBytes: position.optional(),
    dryRun: z.boolean(),
    owner: printable(64),
  }).refine(
    ({ maxAgeMs, maxCount, maxBytes }) => (maxAgeMs ?? maxCount ?? maxBytes) !== undefined,
    {
      error: "must say what to keep: maxAgeMs, maxCount or maxBytes",
    },
  ),
} as const;

/**
 * Refuses a request that no answer could be given to.
 *
 * @throws `invalid_argument`, naming the field, its value and what is accepted
 */
export function checkRequest(method: keyof typeof SCHEMAS, request: unknown): void {
  const { error } = SCHEMAS[method].safeParse(request);
  const issue = error?.issues[0];
  if (issue === undefined) return;
  let value: unknown = request;
  for (const key of issue.path) value = (value as Record<PropertyKey, unknown>)[key];
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${issue.path.join(".") || "request"} ${shown(value)}: ${issue.message}`,
  );
}

/**
 * The command of a request to start one, for who must tell of it whether or not the request is accepted.
 *
 * @returns `null` if it is none
 */
export function commandOf(request: object): z.infer<typeof command> | null {
  return command.safeParse(Reflect.get(request, "command")).data ?? null;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
