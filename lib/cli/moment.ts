import type { Moment } from "./invocation.ts";

/** A point in time as milliseconds since the Unix epoch. */
export function timeOf(moment: Moment, now: number): number {
  return moment.kind === "since" ? moment.time : Math.max(0, now - moment.ms);
}
