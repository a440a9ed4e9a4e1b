import { JobWorkerError } from "../errors.ts";

/** Whether a start has failed for want of what others have, and will give back: descriptors, processes, users. */
export function isScarcity(error: unknown): boolean {
  // A command that is too long stays so.
  return error instanceof JobWorkerError && error.code === "resource_exhausted" &&
    error.reason !== "E2BIG";
}

/** Whether a start has failed for what a busy or full machine may be able to do a little later. */
export function isPassing(error: unknown): boolean {
  return isScarcity(error) || (error instanceof JobWorkerError && error.code === "unavailable");
}
