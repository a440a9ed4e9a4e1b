import { JobWorkerError } from "../errors.ts";

/** The `reason` of the error that the database is away in which hubs share what they know. */
export const REGISTRY_AWAY = "REGISTRY_AWAY";

/** Whether something has failed only because the registry cannot be used at the moment. */
export function isRegistryAway(error: unknown): error is JobWorkerError {
  return error instanceof JobWorkerError && error.reason === REGISTRY_AWAY;
}
