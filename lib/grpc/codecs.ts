/**
 * The messages of each method of `JobService` on the wire, for both sides of a call.
 *
 * @module
 */

import { packedPieces } from "../job/packed_records.ts";
import type { AnswerOf, JobMethod, RequestOf } from "../service/methods.ts";
import type { JobWorkerMethods } from "./gen/jobworker.ts";
import * as wire from "./wire.ts";

/** The name of a method in the contract. */
export type WireName<Name extends JobMethod> = Capitalize<Name>;

export function wireName<Name extends JobMethod>(method: Name): WireName<Name> {
  return method.charAt(0).toUpperCase() + method.slice(1) as WireName<Name>;
}

type WireRequest<Name extends JobMethod> = JobWorkerMethods[WireName<Name>]["request"];
type WireAnswer<Name extends JobMethod> = JobWorkerMethods[WireName<Name>]["response"];

/** Converts between the requests and answers of one method and its messages. */
export interface Codec<Name extends JobMethod> {
  readonly writeRequest: (request: RequestOf<Name>) => WireRequest<Name>;
  readonly readRequest: (message: WireRequest<Name>) => RequestOf<Name>;
  readonly writeAnswer: (answer: AnswerOf<Name>) => WireAnswer<Name>;
  readonly readAnswer: (message: WireAnswer<Name>) => AnswerOf<Name>;
  /** Instead of `writeAnswer`, where a part of an answer has the form of the wire already. */
  readonly writeRest?: (
    answer: AnswerOf<Name>,
  ) => readonly [written: readonly Uint8Array[], rest: WireAnswer<Name>];
}

function same<T>(value: T): T {
  return value;
}

/** For requests that are the same on the wire, such as those with just a job id. */
const AS_IT_IS = { writeRequest: same, readRequest: same } as const;

/** For methods that answer with a job. */
const JOB = { writeAnswer: wire.writeJob, readAnswer: wire.readJob } as const;

const CODECS: { readonly [Name in JobMethod]: Codec<Name> } = {
  startJob: {
    ...JOB,
    writeRequest: wire.writeStartJobRequest,
    readRequest: wire.readStartJobRequest,
  },
  stopJob: { ...JOB, writeRequest: wire.writeStopJobRequest, readRequest: wire.readStopJobRequest },
  getJob: { ...JOB, ...AS_IT_IS },
  listJobs: {
    writeRequest: wire.writeListJobsRequest,
    readRequest: wire.readListJobsRequest,
    writeAnswer: wire.writeListJobsResponse,
    readAnswer: wire.readListJobsResponse,
  },
  waitJob: { ...JOB, ...AS_IT_IS },
  getLogs: {
    writeRequest: wire.writeGetLogsRequest,
    readRequest: wire.readGetLogsRequest,
    writeAnswer: wire.writeGetLogsResponse,
    readAnswer: wire.readGetLogsResponse,
  },
  streamLogs: {
    writeRequest: wire.writeStreamLogsRequest,
    readRequest: wire.readStreamLogsRequest,
    writeAnswer: wire.writeLogBatch,
    readAnswer: wire.readLogBatch,
    writeRest: (batch) => [packedPieces(batch), wire.writeLogBatchRest(batch)],
  },
  watchJobs: {
    writeRequest: ({ filter, newest = 0 }) => ({ filter: wire.writeJobFilter(filter), newest }),
    readRequest: ({ filter, newest }) => ({ filter: wire.readJobFilter(filter), newest }),
    writeAnswer: (job) => ({ job: wire.writeJob(job) }),
    readAnswer: wire.readWatchedJob,
  },
  signalJob: { ...JOB, ...AS_IT_IS },
  updateJob: {
    ...JOB,
    writeRequest: wire.writeUpdateJobRequest,
    readRequest: wire.readUpdateJobRequest,
  },
  writeInput: { ...AS_IT_IS, writeAnswer: same, readAnswer: same },
  pruneJobs: {
    writeRequest: wire.writePruneJobsRequest,
    readRequest: wire.readPruneJobsRequest,
    writeAnswer: wire.writePruneJobsResponse,
    readAnswer: wire.readPruneJobsResponse,
  },
  streamAudit: {
    writeRequest: wire.writeStreamAuditRequest,
    readRequest: wire.readStreamAuditRequest,
    writeAnswer: wire.writeAuditBatch,
    readAnswer: wire.readAuditBatch,
  },
  listHosts: {
    writeRequest: ({ on = null }) => ({ on }),
    readRequest: ({ on }) => ({ ...(on !== null && { on }) }),
    writeAnswer: wire.writeListHostsResponse,
    readAnswer: wire.readListHostsResponse,
  },
  runJobs: {
    writeRequest: wire.writeRunJobsRequest,
    readRequest: wire.readRunJobsRequest,
    writeAnswer: wire.writeRunJobsResponse,
    readAnswer: wire.readRunJobsResponse,
  },
  stopJobs: {
    writeRequest: wire.writeStopJobsRequest,
    readRequest: wire.readStopJobsRequest,
    writeAnswer: wire.writeStopJobsResponse,
    readAnswer: wire.readStopJobsResponse,
  },
};

export function codecOf<Name extends JobMethod>(method: Name): Codec<Name> {
  return CODECS[method];
}
