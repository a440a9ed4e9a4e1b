import { JobWorkerError } from "../errors.ts";
import { quoted } from "../text/quoted.ts";
import type { Execution, JobLimits } from "./types.ts";

/** What a request may leave out of its {@linkcode Execution}. */
export type ExecutionRequest = Partial<Execution>;

/** A longer time would not fit into one timer. */
export const MAX_GRACE_PERIOD_MS = 24 * 60 * 60 * 1000;
export const MAX_TIMEOUT_MS = 10 * 365 * 24 * 60 * 60 * 1000;
export const MIN_MEMORY_BYTES = 1024 * 1024;
export const USER_NAME = /^(?:[A-Za-z_][A-Za-z0-9_.-]{0,31})?$/;
export const UMASK = /^[0-7]{0,4}$/;

const DEFAULTS: Execution = {
  user: "",
  umask: "",
  nice: 0,
  timeoutMs: 0,
  gracePeriodMs: 10_000,
  limits: {},
  hasInput: false,
};

/**
 * Completes and checks how a job is to be run.
 *
 * @throws `invalid_argument`, naming the field, its value and what is accepted
 */
export function completeExecution(request: ExecutionRequest): Execution {
  const execution = { ...DEFAULTS, ...request };
  const { user, umask, nice, timeoutMs, gracePeriodMs, limits } = execution;
  check("execution.user", user, USER_NAME.test(user), "must be the name of a user");
  check("execution.umask", umask, UMASK.test(umask), 'must be octal, such as "022"');
  check("execution.nice", nice, isWhole(nice, -20, 19), "must be a whole number from -20 to 19");
  checkTimeout(timeoutMs, "execution.timeoutMs");
  checkGracePeriod(gracePeriodMs, "execution.gracePeriodMs");
  checkLimits(limits);
  return execution;
}

/**
 * @param field of the request
 * @throws `invalid_argument`
 */
export function checkTimeout(ms: number, field: string): void {
  check(field, ms, isWhole(ms, 0, MAX_TIMEOUT_MS), "must be 0 to 10 years");
}

/** The same. */
export function checkGracePeriod(ms: number, field: string): void {
  check(field, `${ms} ms`, isWhole(ms, 0, MAX_GRACE_PERIOD_MS), "must be 0 to 24 hours");
}

function checkLimits({ memoryBytes, cpus, processes }: JobLimits): void {
  const max = Number.MAX_SAFE_INTEGER;
  check(
    "execution.limits.memoryBytes",
    memoryBytes,
    memoryBytes === undefined || isWhole(memoryBytes, MIN_MEMORY_BYTES, max),
    "must be at least 1 MiB, in bytes",
  );
  check(
    "execution.limits.cpus",
    cpus,
    cpus === undefined || (cpus >= 0.01 && cpus <= 4096),
    "must be 0.01 to 4096",
  );
  check(
    "execution.limits.processes",
    processes,
    processes === undefined || isWhole(processes, 1, 4_194_304),
    "must be a whole number from 1 to 4194304",
  );
}

function isWhole(value: number, from: number, to: number): boolean {
  return Number.isSafeInteger(value) && value >= from && value <= to;
}

/** The fields whose name in words is not their own name. */
const WORDS: Readonly<Record<string, string>> = {
  timeoutMs: "timeout",
  gracePeriodMs: "grace period",
  memoryBytes: "memory limit",
  cpus: "cpu limit",
  processes: "process limit",
};

function check(field: string, value: unknown, accepted: boolean, rule: string): void {
  if (accepted) return;
  const name = field.replace(/^.*\./, "");
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${WORDS[name] ?? name} ${quoted(value)}: ${rule}`,
    { field },
  );
}
