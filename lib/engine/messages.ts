/**
 * How calls of `JobService` look on the engine's socket: `POST /METHOD` with `{request, caller}` as
 * JSON; the answer is one frame, or for a stream one frame an item and a last one that says how it
 * ended. A stream without that last frame is broken.
 *
 * @module
 */

import { read, z } from "../zod.ts";
import { ROLES } from "../auth/identity.ts";
import { ERROR_CODES, type ErrorCode, JobWorkerError } from "../errors.ts";
import type {
  GetOutputResponse,
  JobMethod,
  LogBatch,
  LogRecord,
  WriteInputRequest,
} from "../service/job_service.ts";
import { encodeFrame, type Frame } from "./frames.ts";

/** The methods that answer with a stream. */
export type StreamMethod = "streamLogs" | "watchJobs";

/** The other ones. */
export type UnaryMethod = Exclude<JobMethod, StreamMethod>;

export function isStream(method: JobMethod): method is StreamMethod {
  return method === "streamLogs" || method === "watchJobs";
}

/** What a gateway asks for to see that an engine is there, and the status of the answer. */
export const REACH_PATH = "/engine";
export const REACHED = 204;

/** What the gateway says of its client. It is believed: only its checks are needed for the types. */
export const callerSchema = z.object({
  identity: z.object({ user: z.string().max(128), roles: z.array(z.enum(ROLES)).max(8) }),
  fingerprint: z.string().max(128),
  peer: z.string().max(128),
});

/** The body of a request. What is asked for is the service's to check. */
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

/** The end of a stream that ended well. */
export const END_FRAME: Uint8Array<ArrayBuffer> = encodeFrame({ kind: "end" });

/** Any answer without bytes of its own. */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  return encodeFrame({ kind: "value", value });
}

/** A request of `writeInput`, whose bytes come as base64; the service checks the rest. */
export function decodeInput(request: unknown): WriteInputRequest {
  const { data, ...rest } = read(inputSchema, request, "request");
  return { ...(rest as Omit<WriteInputRequest, "data">), data: Uint8Array.fromBase64(data) };
}

export function encodeOutput(output: GetOutputResponse): Uint8Array<ArrayBuffer> {
  const { stdout, stderr, ...rest } = output;
  const value = { ...rest, stdoutBytes: stdout.byteLength };
  return encodeFrame({ kind: "value", value }, [stdout, stderr]);
}

export function encodeBatch(batch: LogBatch): Uint8Array<ArrayBuffer> {
  const records = batch.records.map(({ offset, time, stream, data }) => (
    { offset, time, stream, size: data.byteLength }
  ));
  return encodeFrame(
    { kind: "value", value: { ...batch, records } },
    batch.records.map(({ data }) => data),
  );
}

/** What a frame says. */
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

export function decodeOutput(
  value: unknown,
  bytes: Uint8Array<ArrayBuffer>,
): GetOutputResponse {
  const { stdoutBytes, ...rest } = value as
    & Omit<GetOutputResponse, "stdout" | "stderr">
    & { stdoutBytes: number };
  return { ...rest, stdout: bytes.subarray(0, stdoutBytes), stderr: bytes.subarray(stdoutBytes) };
}

export function decodeBatch(value: unknown, bytes: Uint8Array<ArrayBuffer>): LogBatch {
  const batch = value as Omit<LogBatch, "records"> & {
    records: (Omit<LogRecord, "data"> & { size: number })[];
  };
  let at = 0;
  const records = batch.records.map(({ size, ...record }) => {
    const data = bytes.subarray(at, at + size);
    at += size;
    return { ...record, data };
  });
  return { ...batch, records };
}
