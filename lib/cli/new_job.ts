import type { NewJob } from "./invocation.ts";
import type { Execution, JobLimits, LogLimit } from "./job_client.ts";

/** The options of `start` and `run`, as the parser gives them. */
export interface NewJobOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly requestId?: string;
  readonly logLimit?: number;
  readonly logPolicy?: LogLimit["policy"];
  /** Milliseconds. */
  readonly timeout?: number;
  readonly grace?: number;
  readonly user?: string;
  readonly umask?: string;
  readonly nice?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly cpus?: number;
  readonly processes?: number;
  /** Of `run` only. */
  readonly interactive?: boolean;
}

/** The job that a line asks for. What it does not say is left out. */
export function newJobOf(words: readonly string[], options: NewJobOptions): NewJob {
  const [name = "", ...args] = words;
  const { env = {}, cwd = "", label = {}, requestId = "" } = options;
  const logLimit = given<LogLimit>({ bytes: options.logLimit, policy: options.logPolicy });
  const limits = given<JobLimits>({
    memoryBytes: options.memory,
    cpus: options.cpus,
    processes: options.processes,
  });
  const execution = given<Execution>({
    user: options.user,
    umask: options.umask,
    nice: options.nice,
    timeoutMs: options.timeout,
    gracePeriodMs: options.grace,
    limits,
    hasInput: options.interactive,
  });
  return {
    command: { name, args, env, workingDirectory: cwd },
    labels: label,
    requestId,
    ...(logLimit && { logLimit }),
    ...(execution && { execution }),
  };
}

/** The members that were given; nothing if none was. */
function given<T>(members: { [Key in keyof T]-?: T[Key] | undefined }): Partial<T> | undefined {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries) as Partial<T>;
}
