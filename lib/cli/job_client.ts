/**
 * What the command line needs of the daemon: a part of the client of `lib/grpc`, so that tests can
 * give a fake.
 *
 * @module
 */

import type { JobWorkerClient } from "../grpc/client.ts";

export type * from "../grpc/client.ts";

/** A connection to the daemon. */
export type JobClient =
  & AsyncDisposable
  & Pick<
    JobWorkerClient,
    | "startJob"
    | "stopJob"
    | "getJob"
    | "listJobs"
    | "waitJob"
    | "streamLogs"
    | "signalJob"
    | "limitJobTime"
    | "writeInput"
    | "pruneJobs"
    | "checkHealth"
  >;
