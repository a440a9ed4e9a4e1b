/**
 * What the command line needs of the daemon: a part of the client of `lib/grpc`, so that tests can
 * give a fake.
 *
 * @module
 */

import type { JobServiceClient, JobWorkerClient } from "../grpc/client.ts";

export type * from "../grpc/client.ts";

/** A connection to the daemon. The requests of the command line say all that there is to say. */
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
    | "signalJob"
    | "updateJob"
    | "writeInput"
    | "pruneJobs"
  >;
