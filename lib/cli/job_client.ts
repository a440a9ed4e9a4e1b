/**
 * The part of the gRPC client that the command line needs, so that tests can pass a fake.
 *
 * @module
 */

import type { JobServiceClient, JobWorkerClient } from "../grpc/client.ts";

export type * from "../grpc/client.ts";

/** A connection to the daemon. */
export type JobClient =
  & AsyncDisposable
  & Pick<JobWorkerClient, "checkHealth">
  & Pick<
    JobServiceClient,
    | "startJob"
    | "stopJob"
    | "getJob"
    | "listJobs"
    | "waitJob"
    | "streamLogs"
    | "watchJobs"
    | "signalJob"
    | "updateJob"
    | "writeInput"
    | "pruneJobs"
    | "streamAudit"
    | "listHosts"
    | "runJobs"
    | "stopJobs"
  >;
