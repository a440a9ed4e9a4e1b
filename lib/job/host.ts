import { dateText } from "./job_words.ts";

export type { HostSelector } from "./types.ts";

/** The names that hosts have. */
export const HOST_NAME = /^[a-z0-9-]{1,63}$/;

/** Whether a host of a fleet answers. */
export const HOST_STATES = ["online", "offline"] as const;

export type HostState = typeof HOST_STATES[number];

/** A host of a fleet, as its hub sees it. */
export interface Host {
  readonly name: string;
  readonly state: HostState | "unknown";
  /** What its operator has said of it, for jobs to be placed by. */
  readonly labels: Readonly<Record<string, string>>;
  /** How many jobs the hub gives it at a time. */
  readonly slots: number;
  /** How many jobs run there, and wait, as it last said. */
  readonly running: number;
  readonly queued: number;
  /** Its load average over the last minute, see proc_loadavg(5). */
  readonly load: number;
  /** The version of its daemon; `""` until it has said so. */
  readonly version: string;
  /** When it was last heard, in milliseconds since the Unix epoch; `null`: never. */
  readonly heardAt: number | null;
  /** Why it is offline, in words; `""` if it is not. */
  readonly detail: string;
}

/** A host as JSON, the same for every API and the CLI. */
export interface HostJson extends Omit<Host, "heardAt"> {
  /** When it was last heard, RFC 3339; `null`: never. */
  readonly heardDate: string | null;
}

export function hostOfJson({ heardDate, ...host }: HostJson): Host {
  return { ...host, heardAt: heardDate === null ? null : Date.parse(heardDate) };
}

export function hostJson({ heardAt, ...host }: Host): HostJson {
  return { ...host, heardDate: heardAt === null ? null : dateText(heardAt) };
}

/**
 * What becomes of a job whose host is lost: it waits until that is back, or is run again elsewhere, so that it may run
 * twice.
 */
export const IF_HOST_LOST = ["wait", "rerun"] as const;

export type IfHostLost = typeof IF_HOST_LOST[number];

/** How far the priority of a job may be from the usual one, which is 0. */
export const MAX_PRIORITY = 100;
