import type { Job } from "../job/types.ts";

/** Stands for the host of a job that no host has. */
export const NOWHERE = "";

/** A job as the registry knows it. */
export interface KnownJob {
  readonly job: Job;
  /** The host that has it; {@linkcode NOWHERE} if it waits for one, or has never had one. */
  readonly host: string;
}

/** Whether a job is only recorded yet: its start may still fail, and then there is no job. */
export function hasNoProcess({ pid, end }: Job): boolean {
  return pid === 0 && end === null;
}
