/**
 * The JSON messages of the API. Requests are checked by these schemas, and `/openapi.json` is made from them.
 * What a request may hold beyond its types is known to the service.
 *
 * @module
 */

export { jobId, jobStatus, named } from "./schemas/pieces.ts";
export * from "./schemas/four_paths.ts";
export * from "./schemas/job.ts";
export * from "./schemas/job_requests.ts";
export * from "./schemas/log.ts";
export * from "./schemas/output.ts";
export * from "./schemas/audit.ts";
export * from "./schemas/host.ts";
export * from "./schemas/problem.ts";
