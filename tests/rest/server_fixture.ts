import { once } from "node:events";
import * as tls from "node:tls";
import { abortable } from "../../lib/async/abortable.ts";
import type { CallContext, JobService, LogBatch } from "../../lib/service/job_service.ts";
import { TestCertificates } from "../certificates.ts";
import { basic, batchOf, RawConnection, TestRest } from "./fixture.ts";

export const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());
export const server = await certificates.material("server");
export const ca = certificates.ca.cert;

export const AUTHORIZATION = `Authorization: ${basic("alice", "secret")}`;
export const HEAD = `Host: localhost\r\n${AUTHORIZATION}\r\n`;

export function open(
  rest: TestRest,
  options: tls.ConnectionOptions = {},
): ReturnType<typeof RawConnection.open> {
  return RawConnection.open(rest.port, { ca, ...options });
}

/** A log that a follower waits for, and the signals of those who do. */
export function silentLog(): Pick<JobService, "streamLogs"> & { followed: Promise<AbortSignal> } {
  const followed = Promise.withResolvers<AbortSignal>();
  const streamLogs = async function* (
    { follow }: { follow: boolean },
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch> {
    yield batchOf([]);
    if (!follow) return;
    followed.resolve(signal);
    await abortable(new Promise<never>(() => {}), signal);
  };
  return { streamLogs, followed: followed.promise };
}

export async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, "abort");
  return signal.reason;
}
