import type { Context } from "hono";
import { accepts } from "hono/accepts";
import type { z } from "../zod.ts";
import { JobWorkerError } from "../errors.ts";
import type {
  CallContext,
  JobService,
  LogBatch,
  StreamLogsRequest,
} from "../service/job_service.ts";
import { concat } from "../concat.ts";
import { withHeartbeat } from "./heartbeat.ts";
import { jobJson, logLines } from "./job_json.ts";
import { OPERATIONS } from "./operations.ts";
import { problemOf } from "./problem.ts";
import { readQuery } from "./request.ts";
import type { RestEnv } from "./rest_env.ts";
import type * as schemas from "./schemas.ts";

const BYTES = "application/octet-stream";
const LINES = "application/x-ndjson";
const EVENTS = "text/event-stream";

/** Options of {@linkcode logAnswer}. */
export interface LogAnswerOptions {
  /** How long a client may be left in silence; milliseconds. */
  readonly heartbeatMs: number;
  /** What a caller may be told of an error that ends a log half-way. */
  readonly known: (error: unknown) => JobWorkerError;
}

/** Answers with the log of a job, in the form that the client asks for. */
export async function logAnswer(
  c: Context<RestEnv>,
  service: JobService,
  jobId: string,
  options: LogAnswerOptions,
): Promise<Response> {
  const query = readQuery(c, OPERATIONS.readLog);
  const follow = /^(1|true)$/.test(query.follow);
  const request: StreamLogsRequest = {
    jobId,
    streams: query.stream === "both" ? [] : [query.stream],
    follow,
    start: startOf(query, c.req.header("last-event-id")),
  };
  if (follow) c.env.openEnded();
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const batches = readLog(service, request, { caller: c.var.caller, signal });
  // The first one comes at once, or an error does, which is still in time to be the status.
  const first = await batches.next();
  const whole = prepend(first, batches);
  const gap = first.value?.gap;
  const type = accepts(c, {
    header: "Accept",
    supports: [BYTES, LINES, EVENTS],
    default: follow ? EVENTS : BYTES,
  });
  const pieces = type === EVENTS
    ? asEvents(whole, options)
    : type === LINES
    ? asLines(whole, options)
    : asBytes(whole);
  const close = async () => {
    left.abort();
    // The pieces may not have begun to read it, and then would not close it.
    await batches.return();
  };
  // Hono drops the body of such an answer without cancelling it.
  if (c.req.method === "HEAD") await close();
  return new Response(bodyOf(pieces, close), {
    headers: {
      "Content-Type": type,
      ...(type === BYTES && { "Content-Disposition": `attachment; filename="${jobId}.log"` }),
      ...(type === BYTES && gap && { "Log-Gap": `${gap.from}-${gap.to}` }),
      // Proxies such as nginx would collect what is to be seen live.
      "X-Accel-Buffering": "no",
    },
  });
}

function startOf(
  { offset, tail, since }: z.output<typeof schemas.logQuery>,
  lastEventId: string | undefined,
): StreamLogsRequest["start"] {
  // A browser that reconnects repeats the query as it was.
  if (lastEventId !== undefined) {
    if (/^\d{1,15}$/.test(lastEventId)) return { kind: "offset", offset: Number(lastEventId) };
    throw new JobWorkerError("invalid_argument", "Invalid Last-Event-ID: must be an offset");
  }
  if (tail !== undefined) return { kind: "tail", lines: tail };
  if (since !== undefined) return { kind: "since", time: Date.parse(since) };
  return { kind: "offset", offset: offset ?? 0 };
}

/** First what is stored, which has an end, then if it is followed what comes. */
async function* readLog(
  service: JobService,
  request: StreamLogsRequest,
  context: CallContext,
): AsyncGenerator<LogBatch, void, undefined> {
  let { start } = request;
  for await (const batch of service.streamLogs({ ...request, follow: false }, context)) {
    start = { kind: "offset", offset: batch.nextOffset };
    yield batch;
    if (batch.finishedJob !== null) return;
  }
  if (request.follow) yield* service.streamLogs({ ...request, start }, context);
}

async function* prepend<T>(
  first: IteratorResult<T, void>,
  others: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  if (first.done) return;
  yield first.value;
  yield* others;
}

/**
 * The job's own bytes. An error breaks the answer off, so that nobody takes it for whole; and so does
 * a gap that comes too late for the head of the answer to tell.
 */
async function* asBytes(batches: AsyncIterable<LogBatch>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let begun = false;
  for await (const { records, gap } of batches) {
    if (begun && gap) throw new JobWorkerError("data_loss", `Gone: ${gap.from} to ${gap.to}`);
    begun = true;
    if (records.length > 0) yield concat(records.map(({ data }) => data));
  }
}

const encoder = new TextEncoder();

/** A line of JSON a record, and a last one that says how it ended. */
async function* asLines(
  batches: AsyncIterable<LogBatch>,
  { known }: LogAnswerOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encode = (lines: readonly unknown[]) =>
    encoder.encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  try {
    for await (const batch of batches) {
      const lines = Array.from(logLines(batch), ([line]) => line);
      if (lines.length > 0) yield encode(lines);
      if (batch.finishedJob !== null) yield encode([{ finishedJob: jobJson(batch.finishedJob) }]);
    }
  } catch (error) {
    yield encode([{ error: problemOf(known(error)) }]);
  }
}

/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): one a record,
 * whose id is the offset to go on from; `end` with the job, or `problem`. Comments fill silences, or
 * a client that has vanished would not be noticed.
 */
async function* asEvents(
  batches: AsyncIterable<LogBatch>,
  { heartbeatMs, known }: LogAnswerOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield encoder.encode(": the log\n\n");
  try {
    for await (const batch of withHeartbeat(batches, heartbeatMs)) {
      if (batch === null) {
        yield encoder.encode(":\n\n");
        continue;
      }
      const events = Array.from(
        logLines(batch),
        ([line, offset]) => `id: ${offset}\n${"gap" in line ? "event: gap\n" : ""}${data(line)}`,
      );
      if (batch.finishedJob !== null) {
        events.push(`id: ${batch.nextOffset}\nevent: end\n${data(jobJson(batch.finishedJob))}`);
      }
      if (events.length > 0) yield encoder.encode(events.join(""));
    }
  } catch (error) {
    yield encoder.encode(`event: problem\n${data(problemOf(known(error)))}`);
  }
}

/** JSON has no line breaks, so one line carries it. */
function data(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** The pieces as they are asked for. A client that leaves cancels, even in the middle of a wait. */
function bodyOf(
  pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  onCancel: () => Promise<void>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: onCancel,
  }, { highWaterMark: 0 });
}
