/**
 * What `worker-cli` and a keeper say to each other, on a connection of its own for each call. Both are of one build.
 *
 * The keeper first says that it is ready; then the call is sent, and only then. An answer, or each one of a stream,
 * follows, and at last how it ended. To close the connection cancels the call.
 *
 * @module
 */

import type { FrameConnection } from "../../net/frame_connection.ts";
import type { Frame } from "../../net/frames.ts";
import { type ErrorCode, JobWorkerError, messageOf } from "../../errors.ts";
import type { JobMethod } from "../../service/methods.ts";
import { pack, unpack } from "./packed.ts";

/** A call. */
export interface Call {
  readonly method: JobMethod;
  readonly request: unknown;
  readonly timeoutMs?: number;
  /** For how long after it the connection is to be kept. */
  readonly keepMs: number;
  /** The span of a trace that it is part of, see `currentTrace()`. */
  readonly trace?: string;
}

/** What a keeper says. */
export type Message =
  | { readonly kind: "ready" }
  /** The connection to the daemon is broken, and is being restored. */
  | { readonly kind: "reconnecting" }
  | { readonly kind: "answer"; readonly answer: unknown }
  | { readonly kind: "end" }
  | { readonly kind: "error"; readonly error: ErrorFields };

interface ErrorFields {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason?: string;
  readonly field?: string;
}

/** Sends a call or a message; see {@linkcode FrameConnection.send}. */
export function send(connection: FrameConnection, value: Call | Message): Promise<void> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  return connection.send(pack(value, parts), parts);
}

/** The content of a frame, which the other side has made of the same sources. */
export function contentOf<T extends Call | Message>({ head, bytes }: Frame): T {
  return unpack(head, bytes) as T;
}

/** How an error is told. */
export function fieldsOf(error: unknown): ErrorFields {
  if (!(error instanceof JobWorkerError)) {
    const message = `The process that keeps the connection has failed: ${messageOf(error)}`;
    return { code: "internal", message };
  }
  const { code, message, reason, field } = error;
  return {
    code,
    message,
    ...(reason !== undefined && { reason }),
    ...(field !== undefined && { field }),
  };
}

export function errorOf({ code, message, ...options }: ErrorFields): JobWorkerError {
  return new JobWorkerError(code, message, options);
}
