import type { Context } from "hono";
import { Buffer } from "node:buffer";
import { accepts } from "hono/accepts";
import type * as z from "../text/zod.ts";
import { pullStream } from "../async/pull_stream.ts";
import { JobWorkerError } from "../errors.ts";
import type {
  CallContext,
  JobService,
  LogBatch,
  LogGap,
  LogStream,
  StreamLogsRequest,
} from "../service/job_service.ts";
import type { Alike } from "../service/alike.ts";
import { withHeartbeat } from "./heartbeat.ts";
import { jobJson } from "../job/job_json.ts";
import { logLines } from "./log_lines.ts";
import { OPERATIONS } from "./operations.ts";
import { problemOf } from "./problem.ts";
import { BYTES_TYPE, EVENTS_TYPE, isSet, LINES_TYPE, readQuery } from "./request.ts";
import type { RestEnv } from "./rest_env.ts";
import { whileKnown } from "./session_auth.ts";
import type * as schemas from "./schemas.ts";

/** The header that names gaps in raw bytes, which cannot mark them. */
const GAP_FIELD = "Log-Gap";
/** Clients limit the size of trailers. */
const MAX_GAPS = 100;

/** Options of {@linkcode logAnswer}. */
export interface LogAnswerOptions {
  /** How long nothing may be sent to a client, in milliseconds. */
  readonly heartbeatMs: number;
  /** What a caller may be told about an error in the middle of a log. */
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
  const follow = isSet(query.follow);
  const range = rangeOf(query, follow, c.req.header("last-event-id"));
  const request = {
    jobId,
    streams: streamsOf(query.stream),
    follow,
    ...range,
  };
  // A field without a parameter in the query does not compile, but for what only those need who follow many logs.
  true satisfies Alike<typeof request, Omit<StreamLogsRequest, "batchBytes">>;
  if (follow) c.env.openEnded();
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const type = accepts(c, {
    header: "Accept",
    supports: [BYTES_TYPE, LINES_TYPE, EVENTS_TYPE],
    default: follow ? EVENTS_TYPE : BYTES_TYPE,
  });
  const batches = readLog(service, request, { caller: c.var.caller, signal });
  const close = async () => {
    left.abort();
    // A generator that has not started to read the batches would not close them.
    await batches.return();
  };
  const [first, whole] = await begin(batches, type);
  if (type === EVENTS_TYPE && isAtEnd(range) && first?.finishedJob === null) {
    // This tells an EventSource that reconnects that there is nothing more to come.
    await close();
    return new Response(null, { status: 204 });
  }
  const pieces = type === EVENTS_TYPE
    ? asEvents(whole, options)
    : type === LINES_TYPE
    ? asLines(whole, options)
    : asBytes(whole, (gaps) => c.env.addTrailer(GAP_FIELD, gaps));
  // Hono drops the body of such an answer without cancelling it.
  if (c.req.method === "HEAD") await close();
  const endOffset = first?.endOffset;
  return new Response(pullStream(whileKnown(c, pieces, close), { onCancel: close }), {
    headers: {
      "Content-Type": type,
      ...(endOffset !== undefined && { "Log-End": `${endOffset}` }),
      ...(type === BYTES_TYPE && {
        "Content-Disposition": `attachment; filename="${jobId}.log"`,
        Trailer: GAP_FIELD,
      }),
      ...(type === BYTES_TYPE && first?.gap && { [GAP_FIELD]: gapText(first.gap) }),
      // Proxies such as nginx would buffer what is to be seen live.
      "X-Accel-Buffering": "no",
    },
  });
}

/** The streams that a query asks for, as the service names them. */
export function streamsOf(stream: LogStream | "both"): readonly LogStream[] {
  return stream === "both" ? [] : [stream];
}

type Range = Pick<StreamLogsRequest, "start" | "endOffset">;

/** What to read: what the query asks for, or the rest of it. */
function rangeOf(
  query: z.output<typeof schemas.logQuery>,
  follow: boolean,
  lastEventId: string | undefined,
): Range {
  const { end } = query;
  if (follow && end !== undefined) {
    throw new JobWorkerError(
      "invalid_argument",
      "Invalid query: follow and end cannot be combined",
    );
  }
  // A browser that reconnects repeats the original query.
  const [, offset, last] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(lastEventId ?? "0") ?? [];
  if (offset === undefined) {
    throw new JobWorkerError(
      "invalid_argument",
      "Invalid Last-Event-ID: must be the id of an event",
    );
  }
  const start = startOf(query);
  if (lastEventId === undefined) return { start, ...(end !== undefined && { endOffset: end }) };
  return {
    start: { kind: "offset", offset: Number(offset) },
    ...(last !== undefined && !follow && { endOffset: Number(last) }),
  };
}

function startOf(
  { offset, tail, since }: z.output<typeof schemas.logQuery>,
): StreamLogsRequest["start"] {
  if (tail !== undefined) return { kind: "tail", lines: tail };
  if (since !== undefined) return { kind: "since", time: Date.parse(since) };
  return { kind: "offset", offset: offset ?? 0 };
}

/** Whether nothing is left to read. */
function isAtEnd({ start, endOffset }: Range): boolean {
  return start.kind === "offset" && start.offset === endOffset;
}

/** The batches, as a generator that can be closed. */
async function* readLog(
  service: JobService,
  request: StreamLogsRequest,
  context: CallContext,
): AsyncGenerator<LogBatch, void, undefined> {
  yield* service.streamLogs(request, context);
}

/**
 * The first batch, which comes at once, and all batches. An error at this point can still become the status of
 * the answer; but the reader of an event stream would not learn of lost data that way.
 */
async function begin(
  batches: AsyncGenerator<LogBatch, void, undefined>,
  type: string,
): Promise<[LogBatch | undefined, AsyncGenerator<LogBatch, void, void>]> {
  try {
    const first = await batches.next();
    return [first.value ?? undefined, prepend(first, batches)];
  } catch (error) {
    const isLoss = error instanceof JobWorkerError && error.code === "data_loss";
    if (!isLoss || type !== EVENTS_TYPE) throw error;
    return [undefined, failed(error)];
  }
}

// deno-lint-ignore require-yield -- that it fails is all
async function* failed(error: unknown): AsyncGenerator<never, void, void> {
  throw await Promise.resolve(error);
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
 * The bytes that the job printed. An error cuts the answer off, so that nobody takes it for complete.
 *
 * @param tellGaps called at the end with the gaps that came too late for the head of the answer
 */
async function* asBytes(
  batches: AsyncIterable<LogBatch>,
  tellGaps: (gaps: string) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const gaps: string[] = [];
  let begun = false;
  for await (const { records, gap } of batches) {
    if (begun && gap && gaps.length <= MAX_GAPS) {
      gaps.push(gaps.length < MAX_GAPS ? gapText(gap) : "...");
    }
    begun = true;
    if (records.length > 0) yield Buffer.concat(records.map(({ data }) => data));
  }
  if (gaps.length > 0) tellGaps(gaps.join(", "));
}

function gapText({ from, to }: LogGap): string {
  return `${from}-${to}`;
}

const encoder = new TextEncoder();

/** A line of JSON per record, and a last one that says how the log ended. */
async function* asLines(
  batches: AsyncIterable<LogBatch>,
  { known }: LogAnswerOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
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
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): one per record, whose id
 * is the offset to continue from and, unless the log is followed, the offset to end at. The last event is `end`
 * with the job, or `problem`. Comments are sent during silences, to notice a client that has vanished.
 */
async function* asEvents(
  batches: AsyncIterable<LogBatch>,
  { heartbeatMs, known }: LogAnswerOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  yield encoder.encode(": the log\n\n");
  try {
    for await (const batch of withHeartbeat(batches, heartbeatMs)) {
      if (batch === null) {
        yield encoder.encode(":\n\n");
        continue;
      }
      const { nextOffset, endOffset, finishedJob } = batch;
      const id = (offset: number) =>
        endOffset === undefined ? `id: ${offset}\n` : `id: ${offset}-${endOffset}\n`;
      const events = Array.from(
        logLines(batch),
        ([line, offset]) => `${id(offset)}${"gap" in line ? "event: gap\n" : ""}${data(line)}`,
      );
      if (finishedJob !== null) {
        events.push(`${id(nextOffset)}event: end\n${data(jobJson(finishedJob))}`);
      } else if (events.length === 0 && nextOffset === endOffset) {
        // An id without an event, which an EventSource sends when it reconnects.
        events.push(`${id(nextOffset)}\n`);
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
