/**
 * How calls of `JobService` look on the engine's socket: as frames, on a connection that a call has for itself until it
 * has ended, and the next one after it.
 *
 * A gateway begins a connection with a {@linkcode GREETING}, and so does the engine. A call is a frame with its method,
 * the request and the caller. One frame answers it; for a stream it is a frame per item and a last one that says how
 * the stream ended. A gateway that says {@linkcode LEFT} before that, or closes the connection, cancels the call; the
 * engine says it, too, once it has no more to say about the call.
 *
 * @module
 */

import * as z from "../text/zod.ts";
import { ROLES } from "../auth/identity.ts";
import { ERROR_CODES, type ErrorCode, JobWorkerError } from "../errors.ts";
import type {
  Caller,
  GetLogsResponse,
  LogBatch,
  RunEvent,
  WriteInputRequest,
} from "../service/job_service.ts";
import { type AnswerOf, JOB_METHODS, type JobMethod, type RequestOf } from "../service/methods.ts";
import type { Frame } from "../net/frames.ts";
import { packedPieces, unpackRecords } from "../job/packed_records.ts";
import { currentTrace } from "../tracing/trace.ts";

/**
 * What both sides begin with. They are of one build, unless the executable was replaced while the engine runs, whose
 * next gateway is then another version's: so a change of what is said here takes another number.
 */
export const GREETING = { protocol: 2 };

/** Whether the other side speaks as we do. */
export function isGreeting(head: unknown): boolean {
  return protocolOf(head) === GREETING.protocol;
}

/** What the other side says it speaks, if it says so. */
export function protocolOf(head: unknown): unknown {
  return Object(head).protocol;
}

/** What the gateway says about its client. It is trusted; the schema only provides the types. */
export const callerSchema = z.object({
  identity: z.object({ user: z.string().max(128), roles: z.array(z.enum(ROLES)).max(8) }),
  fingerprint: z.string().max(128),
  serialNumber: z.string().max(128).exactOptional(),
  peer: z.string().max(128),
});

/** The head of a call. The service checks the request in it. */
export const callSchema = z.object({
  method: z.enum(JOB_METHODS),
  caller: callerSchema,
  request: z.looseObject({}),
  /** The span of a trace that it is part of, see `currentTrace()`. */
  trace: z.string().max(64).exactOptional(),
});

const errorSchema = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === "string" && code in ERROR_CODES),
  message: z.string(),
  reason: z.string().exactOptional(),
  field: z.string().exactOptional(),
});

/** The head of the last frame of a stream that ended without an error. */
export const END = { kind: "end" };

/**
 * The head of the frame by which a gateway says that nobody waits for the answer any more, and of the answer to it,
 * behind which comes what answers the next call. To close the connection instead would have the next call make another.
 */
export const LEFT = { kind: "left" };

export function isLeft(head: unknown): boolean {
  return Object(head).kind === LEFT.kind;
}

/**
 * An error as the head of a frame.
 *
 * @param kind whether the call was let in, or refused: then the rest of it is not read, and the connection closed
 */
export function errorHead(
  { code, message, reason, field }: JobWorkerError,
  kind: "error" | "refused" = "error",
): unknown {
  return { kind, error: { code, message, reason, field } };
}

/** The content of a frame. */
export type Message =
  | { readonly kind: "value"; readonly value: unknown; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "error"; readonly error: JobWorkerError; readonly isRefusal: boolean }
  | { readonly kind: "end" };

export function decodeMessage({ head, bytes }: Frame): Message {
  const { kind, value, error } = head as { kind: string; value: unknown; error: unknown };
  switch (kind) {
    case "value":
      return { kind, value, bytes };
    case "end":
      return { kind };
    default: {
      const { code, message, ...options } = errorSchema.parse(error);
      return {
        kind: "error",
        error: new JobWorkerError(code, message, options),
        isRefusal: kind === "refused",
      };
    }
  }
}

/** Bytes, in parts that need not lie next to each other. */
export type Parts = readonly Uint8Array<ArrayBuffer>[];

/** What is sent as JSON, and the bytes that follow. */
export type Packed = readonly [value: unknown, bytes: Parts];

/** How requests and answers of a method go over the socket. By default both are sent as JSON as they are. */
interface Codec<Name extends JobMethod> {
  readonly encodeRequest?: (request: RequestOf<Name>) => Packed;
  readonly decodeRequest?: (value: object, bytes: Uint8Array<ArrayBuffer>) => RequestOf<Name>;
  readonly encodeAnswer?: (answer: AnswerOf<Name>) => Packed;
  readonly decodeAnswer?: (value: unknown, bytes: Uint8Array<ArrayBuffer>) => AnswerOf<Name>;
}

/** The methods whose requests or answers contain bytes. */
const CODECS: { readonly [Name in JobMethod]?: Codec<Name> } = {
  writeInput: {
    encodeRequest: ({ data, ...rest }) => [rest, [data]],
    decodeRequest: (rest, data) => ({ ...(rest as Omit<WriteInputRequest, "data">), data }),
  },
  getLogs: {
    encodeAnswer({ stdout, stderr, ...rest }) {
      return [{ ...rest, stdoutBytes: stdout.byteLength }, [stdout, stderr]];
    },
    decodeAnswer(value, bytes) {
      const { stdoutBytes, ...rest } = value as
        & Omit<GetLogsResponse, "stdout" | "stderr">
        & { stdoutBytes: number };
      const [stdout, stderr] = [bytes.subarray(0, stdoutBytes), bytes.subarray(stdoutBytes)];
      return { ...rest, stdout, stderr };
    },
  },
  streamLogs: {
    encodeAnswer: packBatch,
    decodeAnswer: (value, packed) => unpackBatch(value as Unpacked, packed),
  },
  runJobs: {
    encodeAnswer({ events }) {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      const rest = events.map(({ log, ...event }) => {
        if (log === undefined) return event;
        const [batch, packed] = packBatch(log);
        pieces.push(...packed);
        return { ...event, log: batch, logBytes: sizeOf(packed) };
      });
      return [{ events: rest }, pieces];
    },
    decodeAnswer(value, bytes) {
      let at = 0;
      const { events } = value as { events: readonly PackedEvent[] };
      return {
        events: events.map(({ log, logBytes = 0, ...event }) =>
          log === undefined
            ? event
            : { ...event, log: unpackBatch(log, bytes.subarray(at, at += logBytes)) }
        ),
      };
    },
  },
};

/** A batch without its records. */
type Unpacked = Omit<LogBatch, "records" | "packed">;

/** An event whose records are among the bytes of the answer. */
interface PackedEvent extends Omit<RunEvent, "log"> {
  readonly log?: Unpacked;
  readonly logBytes?: number;
}

function packBatch(batch: LogBatch): readonly [rest: Unpacked, packed: Parts] {
  const { records: _, packed: __, ...rest } = batch;
  return [rest, packedPieces(batch)];
}

function unpackBatch(rest: Unpacked, packed: Uint8Array<ArrayBuffer>): LogBatch {
  return {
    ...rest,
    packed,
    // Whoever only passes them on has no use for them.
    get records() {
      return unpackRecords(packed);
    },
  };
}

function sizeOf(parts: Parts): number {
  return parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function codecOf<Name extends JobMethod>(method: Name): Codec<Name> {
  return CODECS[method] ?? {};
}

/** A request as what is sent as JSON, and the bytes that follow. */
export function encodeRequest<Name extends JobMethod>(
  method: Name,
  request: RequestOf<Name>,
): Packed {
  return codecOf(method).encodeRequest?.(request) ?? [request, []];
}

/** A call as the head of a frame, and the bytes that follow. */
export function encodeCall<Name extends JobMethod>(
  method: Name,
  request: RequestOf<Name>,
  caller: Caller,
): readonly [head: unknown, bytes: Parts] {
  const [value, bytes] = encodeRequest(method, request);
  const trace = currentTrace();
  return [{ method, caller, request: value, ...trace !== undefined && { trace } }, bytes];
}

/** The request may be anything that a gateway sent. Its type is only asserted here; the service checks it. */
export function decodeRequest<Name extends JobMethod>(
  method: Name,
  value: object,
  bytes: Uint8Array<ArrayBuffer>,
): RequestOf<Name> {
  return codecOf(method).decodeRequest?.(value, bytes) ?? value as RequestOf<Name>;
}

/** An answer, or one item of a stream of them, as the head of a frame and the bytes that follow. */
export function encodeAnswer<Name extends JobMethod>(
  method: Name,
  answer: AnswerOf<Name>,
): readonly [head: unknown, bytes: Parts] {
  const [value, bytes] = codecOf(method).encodeAnswer?.(answer) ?? [answer, []];
  return [{ kind: "value", value }, bytes];
}

export function decodeAnswer<Name extends JobMethod>(
  method: Name,
  value: unknown,
  bytes: Uint8Array<ArrayBuffer>,
): AnswerOf<Name> {
  return codecOf(method).decodeAnswer?.(value, bytes) ?? value as AnswerOf<Name>;
}
