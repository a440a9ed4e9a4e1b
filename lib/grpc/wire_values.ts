/**
 * Conversions that requests and responses of the wire contract share.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import type {
  Command,
  Execution,
  ExitStatus,
  Job,
  JobLimits,
  JobUsage,
  LogLimit,
} from "../job/types.ts";
import type * as wire from "./gen/jobworker.ts";
import { LOG_POLICIES } from "./wire_enums.ts";

export const NO_COMMAND: Command = { name: "", args: [], env: {}, workingDirectory: "" };

export const NO_EXECUTION: Execution = {
  user: "",
  umask: "",
  nice: 0,
  timeoutMs: 0,
  gracePeriodMs: 0,
  limits: {},
  hasInput: false,
};

/** Integers beyond 2^53 have already lost digits, and no answer is better than a wrong one. */
export function readInteger(value: number, field: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw new JobWorkerError("invalid_argument", `Number too large in ${field}: ${value}`, { field });
}

const MAX_NANOS = 999_999_999;

/** Converts seconds and nanoseconds to milliseconds. */
export function readMs({ seconds, nanos }: wire.Timestamp | wire.Duration, field: string): number {
  if (Math.abs(nanos) > MAX_NANOS) {
    throw new JobWorkerError(
      "invalid_argument",
      `Invalid ${field}.nanos ${nanos}: must be at most ${MAX_NANOS}`,
      { field },
    );
  }
  return readInteger(seconds * 1000 + Math.trunc(nanos / 1e6), field);
}

export function writeTimestamp(ms: number): wire.Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function writeDuration(ms: number): wire.Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function readExecution(execution: wire.Execution): Partial<Execution> {
  const { user, umask, nice, timeout, gracePeriod, limits, hasInput } = execution;
  return {
    user,
    umask,
    nice,
    hasInput,
    limits: readLimits(limits),
    timeoutMs: timeout === null ? 0 : readMs(timeout, "execution.timeout"),
    ...(gracePeriod !== null && { gracePeriodMs: readMs(gracePeriod, "execution.grace_period") }),
  };
}

export function writeExecution(execution: Partial<Execution>): wire.Execution {
  const { user = "", umask = "", nice = 0, timeoutMs = 0, gracePeriodMs, hasInput } = execution;
  const { memoryBytes = 0, cpus = 0, processes = 0 } = execution.limits ?? {};
  return {
    user,
    umask,
    nice,
    timeout: timeoutMs === 0 ? null : writeDuration(timeoutMs),
    gracePeriod: gracePeriodMs === undefined ? null : writeDuration(gracePeriodMs),
    limits: { memoryBytes, cpus, processes },
    hasInput: hasInput ?? false,
  };
}

/** 0 means no limit. */
export function readLimits(limits: wire.JobLimits | null): JobLimits {
  const { memoryBytes = 0, cpus = 0, processes = 0 } = limits ?? {};
  return {
    ...(memoryBytes !== 0 && { memoryBytes }),
    ...(cpus !== 0 && { cpus }),
    ...(processes !== 0 && { processes }),
  };
}

export function readUsage(usage: wire.JobUsage | null): JobUsage | null {
  if (usage === null) return null;
  const { cpuTime } = usage;
  return {
    cpuMs: cpuTime === null ? null : readMs(cpuTime, "cpu_time"),
    peakMemoryBytes: usage._peakMemoryBytes === undefined ? null : usage.peakMemoryBytes,
    oomKills: usage._oomKills === undefined ? null : usage.oomKills,
  };
}

export function writeUsage({ cpuMs, peakMemoryBytes, oomKills }: JobUsage): wire.JobUsage {
  const peak = peakMemoryBytes === null
    ? {}
    : { _peakMemoryBytes: "peakMemoryBytes", peakMemoryBytes } as const;
  const kills = oomKills === null ? {} : { _oomKills: "oomKills", oomKills } as const;
  return { cpuTime: cpuMs === null ? null : writeDuration(cpuMs), ...peak, ...kills };
}

/** In a request, 0 or unspecified leaves the choice to the daemon. */
export function readLogLimit({ bytes, policy }: wire.LogLimit): Partial<LogLimit> {
  const chosen = policy !== "LOG_POLICY_UNSPECIFIED";
  return {
    ...(bytes !== 0 && { bytes: readInteger(bytes, "log_limit.bytes") }),
    ...(chosen &&
      { policy: LOG_POLICIES.readRequested(policy, "log_limit.policy") }),
  };
}

export function writeLogLimit(
  { bytes = 0, policy = "unknown" }: Partial<Job["logLimit"]>,
): wire.LogLimit {
  return { bytes, policy: LOG_POLICIES.write(policy) };
}

export function readExitStatus(status: wire.ExitStatus | null): ExitStatus | null {
  if (status?.outcome === "code") return { code: status.code };
  if (status?.outcome === "signal") return { signal: status.signal };
  return null;
}

export function writeExitStatus(status: ExitStatus | null): wire.ExitStatus | null {
  if (status === null) return null;
  return "code" in status
    ? { outcome: "code", code: status.code }
    : { outcome: "signal", signal: status.signal };
}

/** Written like this, the compiler sees that an optional field is either complete or absent. */
export function writeEndOffset(
  endOffset: number | undefined,
): { _endOffset?: never } | { _endOffset: "endOffset"; endOffset: number } {
  return endOffset === undefined ? {} : { _endOffset: "endOffset", endOffset };
}
