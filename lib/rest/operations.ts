/**
 * Every operation of the API: one table, from which both the routes and the document are made.
 *
 * @module
 */

import type { z } from "../text/zod.ts";
import type { RestOperation } from "../service/methods.ts";
import * as schemas from "./schemas.ts";

/** One method on one path. */
export interface Operation {
  readonly method: "GET" | "POST";
  /** As in OpenAPI, `/v1/jobs/{jobId}`. A final slash makes no difference. */
  readonly path: string;
  readonly summary: string;
  /** Needs no authentication. */
  readonly open?: true;
  readonly query?: z.ZodObject;
  /** Parameters of the query of which one is given at most, and what they are together. */
  readonly exclusive?: { readonly name: string; readonly of: readonly string[] };
  readonly body?: z.ZodType;
  /** The body may be left out. */
  readonly bodyOptional?: true;
  readonly answer: {
    readonly status: 200 | 201;
    readonly about: string;
    /** By media type; `null` for bytes. */
    readonly content: Readonly<Record<string, z.ZodType | null>>;
    /** What each of its own headers tells. */
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** What an error looks like, if not a problem of RFC 9457. */
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
    summary: "Whether the daemon takes calls",
    open: true,
    answer: { status: 200, about: "It does", content: { [JSON_TYPE]: schemas.healthAnswer } },
  },
  start: {
    method: "POST",
    path: "/start/",
    summary: "Start a command",
    body: schemas.startCommand,
    answer: { status: 200, about: "It runs", content: { [JSON_TYPE]: schemas.startAnswer } },
    failure: {
      schema: schemas.startAnswer,
      body: (error) => ({ status: "error", jobId: "", error }),
    },
  },
  stop: {
    method: "POST",
    path: "/stop/",
    summary: "Stop a job and all that it started",
    body: schemas.stopCommand,
    answer: { status: 200, about: "It has ended", content: { [JSON_TYPE]: schemas.stopAnswer } },
    failure: { schema: schemas.stopAnswer, body: (error) => ({ status: "error", error }) },
  },
  status: {
    method: "GET",
    path: "/status/{jobId}",
    summary: "How a job is",
    answer: { status: 200, about: "Its status", content: { [JSON_TYPE]: schemas.statusAnswer } },
    failure: {
      schema: schemas.statusAnswer,
      body: (error) => ({ status: "error", error, jobStatus: null }),
    },
  },
  listJobs: {
    method: "GET",
    path: "/v1/jobs",
    summary: "The jobs that the caller may see, newest first, a page at a time",
    query: schemas.jobQuery,
    answer: { status: 200, about: "A page", content: { [JSON_TYPE]: schemas.jobList } },
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
    summary: "A job",
    answer: { status: 200, about: "The job", content: { [JSON_TYPE]: schemas.job } },
  },
  stopJob: {
    method: "POST",
    path: "/v1/jobs/{jobId}/stop",
    summary: "Stop a job and all that it started",
    body: schemas.jobStop,
    bodyOptional: true,
    answer: { status: 200, about: "The ended job", content: { [JSON_TYPE]: schemas.job } },
  },
  readLog: {
    method: "GET",
    path: "/v1/jobs/{jobId}/logs",
    summary: "What a job has printed: raw, or by the Accept header with times, as lines of JSON " +
      "or as server-sent events, which are the default with follow=1. The id of an event is the " +
      "offset to go on from, and behind a hyphen where to end if it is not followed; an EventSource " +
      "that has it all and connects again is answered with 204",
    query: schemas.logQuery,
    exclusive: { name: "start", of: ["offset", "tail", "since"] },
    answer: {
      status: 200,
      about: "The log",
      content: {
        "application/octet-stream": null,
        "application/x-ndjson": schemas.logRecord.or(schemas.logGap).or(schemas.logEnd).or(
          schemas.logProblem,
        ),
        "text/event-stream": null,
      },
      headers: {
        "Log-Gap": "Beside raw bytes, which have no place for it: FROM-TO, the bytes of output " +
          "before them that were dropped to keep the log within its limit. Such gaps in their midst " +
          "are named by a trailer field of the same name, after the last byte; the first hundred of " +
          "them, and ... if there are more",
        "Log-End":
          "Unless the log is followed: behind how many bytes of output it ends. To go on " +
          "with an answer that broke off, ask again with offset, and with this as end",
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
  // One that no method names, or that a method names and is not here, does not compile.
} as const satisfies Record<RestOperation | "health" | "document", Operation>;

/** A key of {@linkcode OPERATIONS}, and its `operationId` in the document. */
export type OperationId = keyof typeof OPERATIONS;
