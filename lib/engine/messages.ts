/**
 * How calls of `JobService` look on the engine's socket: `POST /METHOD` with `{request, caller}` as JSON. The
 * answer is one frame; for a stream it is a frame per item and a last one that says how the stream ended. A
 * stream without that last frame was cut off.
 *
 * @module
 */

import * as z from "../text/zod.ts";
import { read } from "../text/zod.ts";
import { ROLES } from "../auth/identity.ts";
import { ERROR_CODES, type ErrorCode, JobWorkerError } from "../errors.ts";
import type { GetLogsResponse, LogBatch, WriteInputRequest } from "../service/job_service.ts";
import type { AnswerOf, JobMethod, RequestOf } from "../service/methods.ts";
import { concat, encodeFrame, type Frame, framePieces } from "../net/frames.ts";
import { packedPieces, unpackRecords } from "../job/packed_records.ts";

/** The path that a gateway asks for to find out whether an engine is there, and the status it answers with. */
export const REACH_PATH = "/engine";
export const REACHED = 204;

/** What the gateway says about its client. It is trusted; the schema only provides the types. */
export const callerSchema = z.object({
  identity: z.object({ user: z.string().max(128), roles: z.array(z.enum(ROLES)).max(8) }),
  fingerprint: z.string().max(128),
  peer: z.string().max(128),
});

/** The body of a call. The service checks the request in it. */
export const callSchema = z.object({ caller: callerSchema, request: z.looseObject({}) });

const errorSchema = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === "string" && code in ERROR_CODES),
  message: z.string(),
  reason: z.string().exactOptional(),
  field: z.string().exactOptional(),
});

const inputSchema = z.looseObject({ data: z.base64() });

/** An error as the head of a frame. */
export function encodeError(error: JobWorkerError): Uint8Array<ArrayBuffer> {
  const { code, message, reason, field } = error;
  return encodeFrame({ kind: "error", error: { code, message, reason, field } });
}

/** The last frame of a stream that ended without an error. */
export const END_FRAME: Uint8Array<ArrayBuffer> = encodeFrame({ kind: "end" });

/** The content of a frame. */
export type Message =
  | { readonly kind: "value"; readonly value: unknown; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "error"; readonly error: JobWorkerError }
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
      return { kind: "error", error: new JobWorkerError(code, message, options) };
    }
  }
}

/** How requests and answers of a method go over the socket. By default both are sent as JSON as they are. */
interface Codec<Name extends JobMethod> {
  /** As a value that JSON can hold. */
  readonly encodeRequest?: (request: RequestOf<Name>) => unknown;
  readonly decodeRequest?: (request: unknown) => RequestOf<Name>;
  /** The head of a frame and what follows it. */
  readonly encodeAnswer?: (answer: AnswerOf<Name>) => [
    value: unknown,
    bytes: readonly Uint8Array<ArrayBuffer>[],
  ];
  readonly decodeAnswer?: (value: unknown, bytes: Uint8Array<ArrayBuffer>) => AnswerOf<Name>;
}

/** The methods whose requests or answers contain bytes. */
const CODECS: { readonly [Name in JobMethod]?: Codec<Name> } = {
  writeInput: {
    encodeRequest: (request) => ({ ...request, data: request.data.toBase64() }),
    // The service checks the rest.
    decodeRequest(request) {
      const { data, ...rest } = read(inputSchema, request, "request");
      return { ...(rest as Omit<WriteInputRequest, "data">), data: Uint8Array.fromBase64(data) };
    },
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
    encodeAnswer(batch) {
      const { records: _, packed: __, ...rest } = batch;
      return [rest, packedPieces(batch)];
    },
    decodeAnswer(value, packed) {
      const rest = value as Omit<LogBatch, "records" | "packed">;
      return {
        ...rest,
        packed,
        // Whoever only passes them on has no use for them.
        get records() {
          return unpackRecords(packed);
        },
      };
    },
  },
};

function codecOf<Name extends JobMethod>(method: Name): Codec<Name> {
  return CODECS[method] ?? {};
}

export function encodeRequest<Name extends JobMethod>(
  method: Name,
  request: RequestOf<Name>,
): unknown {
  return codecOf(method).encodeRequest?.(request) ?? request;
}

/** The request may be anything that a gateway sent. Its type is only asserted here; the service checks it. */
export function decodeRequest<Name extends JobMethod>(
  method: Name,
  request: unknown,
): RequestOf<Name> {
  return codecOf(method).decodeRequest?.(request) ?? request as RequestOf<Name>;
}

/** An answer as a frame. */
export function encodeAnswer<Name extends JobMethod>(
  method: Name,
  answer: AnswerOf<Name>,
): Uint8Array<ArrayBuffer> {
  return concat(answerPieces(method, answer));
}

/** An answer, or one item of a stream of them, as the pieces of a frame. */
export function answerPieces<Name extends JobMethod>(
  method: Name,
  answer: AnswerOf<Name>,
): Uint8Array<ArrayBuffer>[] {
  const [value, bytes] = codecOf(method).encodeAnswer?.(answer) ?? [answer, []];
  return framePieces({ kind: "value", value }, bytes);
}

export function decodeAnswer<Name extends JobMethod>(
  method: Name,
  value: unknown,
  bytes: Uint8Array<ArrayBuffer>,
): AnswerOf<Name> {
  return codecOf(method).decodeAnswer?.(value, bytes) ?? value as AnswerOf<Name>;
}
