import { decodeJob } from "../job/decode_job.ts";
import type { HostSelector, Job } from "../job/types.ts";

/** Stands for the host of a job that no host has. */
export const NOWHERE = "";

/** A job as the registry knows it. */
export interface KnownJob {
  readonly job: Job;
  /** The host that has it; {@linkcode NOWHERE} if it waits for one, or has never had one. */
  readonly host: string;
}

/** The columns of a row of {@linkcode knownJob}. */
export const KNOWN_COLUMNS = ["record", "host", "selector"];

/** A job as it stands in a row. */
export function knownJob({ record, host, selector }: Readonly<Record<string, unknown>>): KnownJob {
  const job = decodeJob(String(record));
  const on = selector === null ? {} : { on: JSON.parse(String(selector)) as HostSelector };
  return { job: { ...job, ...on }, host: String(host) };
}

/** Whether a job is only recorded yet: its start may still fail, and then there is no job. */
export function hasNoProcess({ pid, end }: Job): boolean {
  return pid === 0 && end === null;
}
