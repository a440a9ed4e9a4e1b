import { getPriority } from "node:os";

/** The niceness of a job that adds this to that of the daemon, which has the one of the tests. */
export function niceness(added: number): number {
  return Math.min(getPriority() + added, 19);
}
