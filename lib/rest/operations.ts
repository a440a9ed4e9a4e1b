/**
 * Every operation of the API, in one table from which both the routes and the OpenAPI document are made.
 *
 * @module
 */

import type * as z from "../text/zod.ts";
import type { RestOperation } from "../service/methods.ts";
import { BYTES_TYPE, EVENTS_TYPE, LINES_TYPE } from "./request.ts";
import * as schemas from "./schemas.ts";

/** One HTTP method on one path. */
export interface Operation {
  readonly method: "GET" | "POST" | "PATCH";
  /** As in OpenAPI, `/v1/jobs/{jobId}`. A trailing slash makes no difference. */
  readonly path: string;
  readonly summary: string;
  /** True if it needs no authentication. */
  readonly open?: true;
  readonly query?: z.ZodObject;
  /** Query parameters of which at most one may be given, and a name for them together. */
  readonly exclusive?: { readonly name: string; readonly of: readonly string[] };
  /** A schema of JSON, or bytes as they are. */
  readonly body?: z.ZodType | "bytes";
  /** True if the body may be left out. */
  readonly bodyOptional?: true;
  readonly answer: {
    readonly status: 200 | 201;
    readonly about: string;
    /** By media type; `null` for bytes. */
    readonly content: Readonly<Record<string, z.ZodType | null>>;
    /** Headers of this answer, and what each one means. */
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** When it is answered with nothing, by status 204. */
  readonly empty?: string;
  /** The form of an error, unless it is a problem of RFC 9457. */
  readonly failure?: {
    readonly schema: z.ZodType;
    readonly body: (error: string) => Readonly<Record<string, unknown>>;
  };
}

const JSON_TYPE = "application/json";

export const OPERATIONS = {
  health: {
    method: "GET",
    path: "/health/",
    summary: "Check whether the daemon is serving",
    open: true,
    answer: { status: 200, about: "It is serving", content: { [JSON_TYPE]: schemas.healthAnswer } },
  },
  start: {
    method: "POST",
    path: "/start/",
    summary: "Start a command",
    body: schemas.startCommand,
    answer: {
      status: 200,
      about: "The job is running",
      content: { [JSON_TYPE]: schemas.startAnswer },
    },
    failure: {
      schema: schemas.startAnswer,
      body: (error) => ({ status: "error", jobId: "", error }),
    },
  },
  stop: {
    method: "POST",
    path: "/stop/",
    summary: "Stop a job and everything it started",
    body: schemas.stopCommand,
    answer: {
      status: 200,
      about: "The job has ended",
      content: { [JSON_TYPE]: schemas.stopAnswer },
    },
    failure: { schema: schemas.stopAnswer, body: (error) => ({ status: "error", error }) },
  },
  status: {
    method: "GET",
    path: "/status/{jobId}",
    summary: "Get the status of a job",
    answer: { status: 200, about: "Its status", content: { [JSON_TYPE]: schemas.statusAnswer } },
    failure: {
      schema: schemas.statusAnswer,
      body: (error) => ({ status: "error", error, jobStatus: null }),
    },
  },
  listJobs: {
    method: "GET",
    path: "/v1/jobs",
    summary: "List the jobs that the caller may see, newest first, one page at a time",
    query: schemas.jobQuery,
    answer: { status: 200, about: "A page of jobs", content: { [JSON_TYPE]: schemas.jobList } },
  },
  watchJobs: {
    method: "GET",
    path: "/v1/watch",
    summary:
      "Watch jobs: those that match as they are, then each again when its status changes, and once more " +
      "if it then no longer matches, as server-sent events or, if the Accept header asks for them, as lines of JSON. Whoever reconnects is " +
      "told of all again, since it is told how things are. The last event is problem if something went " +
      "wrong, and end if the caller can see no such job",
    query: schemas.watchQuery,
    answer: {
      status: 200,
      about: "The jobs",
      content: { [EVENTS_TYPE]: null, [LINES_TYPE]: schemas.job.or(schemas.logProblem) },
    },
  },
  startJob: {
    method: "POST",
    path: "/v1/jobs",
    summary: "Start a job",
    body: schemas.newJob,
    answer: { status: 201, about: "The job", content: { [JSON_TYPE]: schemas.job } },
  },
  getJob: {
    method: "GET",
    path: "/v1/jobs/{jobId}",
    summary: "Get a job, at once or when it has ended",
    query: schemas.jobWait,
    answer: { status: 200, about: "The job", content: { [JSON_TYPE]: schemas.job } },
  },
  stopJob: {
    method: "POST",
    path: "/v1/jobs/{jobId}/stop",
    summary: "Stop a job and everything it started",
    body: schemas.jobStop,
    bodyOptional: true,
    answer: {
      status: 200,
      about: "The job, which has ended",
      content: { [JSON_TYPE]: schemas.job },
    },
  },
  signalJob: {
    method: "POST",
    path: "/v1/jobs/{jobId}/signal",
    summary: "Send a signal to all processes of a job",
    body: schemas.jobSignal,
    answer: { status: 200, about: "The job", content: { [JSON_TYPE]: schemas.job } },
  },
  updateJob: {
    method: "PATCH",
    path: "/v1/jobs/{jobId}",
    summary: "Change how long a job may run",
    body: schemas.jobUpdate,
    answer: { status: 200, about: "The job", content: { [JSON_TYPE]: schemas.job } },
  },
  writeInput: {
    method: "POST",
    path: "/v1/jobs/{jobId}/input",
    summary:
      "Write to the standard input of a job that was started with one: the body as it is. It is " +
      "answered once the job has taken the bytes",
    query: schemas.inputQuery,
    body: "bytes",
    bodyOptional: true,
    answer: {
      status: 200,
      about: "It has been written",
      content: { [JSON_TYPE]: schemas.inputAnswer },
    },
  },
  readOutput: {
    method: "GET",
    path: "/v1/jobs/{jobId}/output",
    summary: "Read the output of a job page by page, stdout and stderr apart",
    query: schemas.outputQuery,
    answer: { status: 200, about: "A page", content: { [JSON_TYPE]: schemas.outputPage } },
  },
  pruneJobs: {
    method: "POST",
    path: "/v1/prune",
    summary: "Remove jobs that have ended, with their logs, oldest first",
    body: schemas.jobPrune,
    answer: {
      status: 200,
      about: "What was removed, or would be",
      content: { [JSON_TYPE]: schemas.prunedJobs },
    },
  },
  listHosts: {
    method: "GET",
    path: "/v1/hosts",
    summary: "List the hosts of a fleet, if this is its hub",
    query: schemas.hostQuery,
    answer: { status: 200, about: "The hosts", content: { [JSON_TYPE]: schemas.hostList } },
  },
  readLog: {
    method: "GET",
    path: "/v1/jobs/{jobId}/logs",
    summary: "Read the output of a job: as raw bytes or, if the Accept header asks for them, as " +
      "lines of JSON or server-sent events, both with times. With follow=1, server-sent events are " +
      "the default. The id of an event is the offset to continue from; if the log is not followed, a " +
      "hyphen and the offset at which it ends come after that",
    query: schemas.logQuery,
    exclusive: { name: "start", of: ["offset", "tail", "since"] },
    answer: {
      status: 200,
      about: "The log",
      content: {
        [BYTES_TYPE]: null,
        [LINES_TYPE]: schemas.logRecord.or(schemas.logGap).or(schemas.logEnd).or(
          schemas.logProblem,
        ),
        [EVENTS_TYPE]: null,
      },
      headers: {
        "Log-Gap":
          "Only with raw bytes, which cannot mark a gap themselves: FROM-TO, the bytes of output " +
          "before them that were dropped to keep the log within its limit. Gaps between them are " +
          "listed in a trailer field of the same name after the last byte: the first hundred, and " +
          "... if there are more",
        "Log-End":
          "Unless the log is followed: after how many bytes of output it ends. To continue an answer " +
          "that was cut off, send this value as end, together with offset",
      },
    },
    empty: "The client has received all events already; an EventSource does not reconnect then",
  },
  readAudit: {
    method: "GET",
    path: "/v1/audit",
    summary:
      "Read the audit trail, oldest line first; for admins. Each line is one of JSON. If an error cuts " +
      "the answer off, that is the last line. If the Accept header asks for server-sent events, each has " +
      "some lines and, as its id, what Last-Event-ID continues from; the last event is end or problem",
    query: schemas.auditQuery,
    answer: {
      status: 200,
      about: "The lines",
      content: {
        [LINES_TYPE]: schemas.auditLine.or(schemas.auditGap).or(schemas.logProblem),
        [EVENTS_TYPE]: null,
      },
    },
  },
  document: {
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    open: true,
    answer: { status: 200, about: "OpenAPI 3.1", content: { [JSON_TYPE]: null } },
  },
  // An operation that no method names does not compile, nor does a missing one that a method names.
} as const satisfies Record<RestOperation | "health" | "document", Operation>;

/** A key of {@linkcode OPERATIONS}, and its `operationId` in the document. */
export type OperationId = keyof typeof OPERATIONS;
