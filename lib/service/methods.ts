/**
 * The methods of `JobService`, and what everything between a client and it must know of each. Rules,
 * handlers, limits, proxies, audit entries and documents go by this table: a method that is missing here
 * does not compile.
 *
 * @module
 */

import { AUDIT, authorize, CHANGE, type Rule, SEE } from "../auth/authorize.ts";
import type { Identity } from "../auth/identity.ts";
import type { JobService } from "./job_service.ts";

/** A request with nothing in it but an id, a few words and numbers, however they are encoded. */
const SMALL_REQUEST_BYTES = 8 * 1024;

/** The most input that one call of `writeInput` carries, in bytes. */
export const MAX_INPUT_BYTES = 1024 * 1024;

/** The most output that one answer of `getLogs` carries, in bytes. */
export const MAX_OUTPUT_BYTES = 1024 * 1024;
/** A command of a few hundred kilobytes, and a thousand targets of 240 bytes. */
const RUN_BYTES = 512 * 1024;

/** A thousand job ids of 38 bytes. */
const JOB_IDS_BYTES = 48 * 1024;

/** A filter: 64 labels of up to 319 characters are 82 KB of UTF-8. */
const FILTER_BYTES = 128 * 1024;

/** What is known of a method before it is called. On gRPC it has the same name, with a capital. */
export interface Method {
  /** Who may call it, and on whose jobs. */
  readonly rule: Rule;
  /** One answer, one that may have a megabyte and more, or a stream of them: one user's pages go by turns. */
  readonly answers: "one" | "page" | "stream";
  /**
   * `brief`: ends soon, whether or not its caller is still there. `cancellable`: ends soon, and sooner if its
   * caller leaves. `open_ended`: lasts as long as a job does, unless its caller leaves.
   */
  readonly duration: "brief" | "cancellable" | "open_ended";
  /** Whether a client that has lost the answer may call again without anything being done twice. */
  readonly mayRepeat: boolean;
  /** The most bytes of a request, as a message of protobuf: no more is received. */
  readonly maxRequestBytes: number;
  /**
   * The operations of REST that call it, each with the query that makes it do so, if any; see
   * `lib/rest/operations.ts`.
   */
  readonly rest: readonly string[];
  /** The subcommands of `worker-cli` that call it, each with the option that makes it do so, if any. */
  readonly cli: readonly string[];
  /** What of the web page calls it, if anything does. */
  readonly page?: readonly string[];
}

export const METHODS = {
  startJob: {
    rule: CHANGE,
    answers: "one",
    duration: "cancellable",
    // The request id makes a repeat return the same job.
    mayRepeat: true,
    // More than execve(2) takes, so that it can be said which part is too long.
    maxRequestBytes: 4 * 1024 * 1024,
    rest: ["start", "startJob"],
    cli: ["start", "run", "restart"],
    page: ["start form"],
  },
  stopJob: {
    rule: CHANGE,
    answers: "one",
    duration: "brief",
    mayRepeat: false,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["stop", "stopJob"],
    cli: ["stop", "stop --all", "restart --stop"],
    page: ["stop button"],
  },
  getJob: {
    rule: SEE,
    answers: "one",
    duration: "brief",
    mayRepeat: true,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["status", "getJob"],
    cli: ["status", "restart"],
    page: ["job", "run again"],
  },
  listJobs: {
    rule: SEE,
    answers: "page",
    duration: "cancellable",
    mayRepeat: true,
    maxRequestBytes: FILTER_BYTES,
    rest: ["listJobs"],
    cli: ["list", "stop --all"],
    page: ["list"],
  },
  waitJob: {
    rule: SEE,
    answers: "one",
    duration: "open_ended",
    mayRepeat: true,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["getJob?wait=30s"],
    cli: ["wait", "run --quiet"],
  },
  getLogs: {
    rule: SEE,
    answers: "page",
    duration: "cancellable",
    mayRepeat: true,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["readOutput"],
    cli: [],
  },
  streamLogs: {
    rule: SEE,
    answers: "stream",
    duration: "open_ended",
    mayRepeat: true,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["readLog"],
    cli: ["logs", "output", "run"],
    page: ["log"],
  },
  watchJobs: {
    rule: SEE,
    answers: "stream",
    duration: "open_ended",
    mayRepeat: true,
    maxRequestBytes: FILTER_BYTES,
    rest: ["watchJobs"],
    cli: ["list --watch", "run --interactive --queue"],
    page: ["live list"],
  },
  signalJob: {
    rule: CHANGE,
    answers: "one",
    duration: "brief",
    mayRepeat: false,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["signalJob"],
    cli: ["signal"],
  },
  updateJob: {
    rule: CHANGE,
    answers: "one",
    duration: "brief",
    mayRepeat: false,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["updateJob"],
    cli: ["update"],
  },
  writeInput: {
    rule: CHANGE,
    answers: "one",
    duration: "open_ended",
    // The offset makes a repeat skip what was written.
    mayRepeat: true,
    maxRequestBytes: MAX_INPUT_BYTES + SMALL_REQUEST_BYTES,
    rest: ["writeInput"],
    cli: ["run --interactive"],
  },
  pruneJobs: {
    rule: CHANGE,
    answers: "one",
    duration: "brief",
    mayRepeat: false,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["pruneJobs"],
    cli: ["prune"],
  },
  streamAudit: {
    rule: AUDIT,
    answers: "stream",
    duration: "open_ended",
    mayRepeat: true,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["readAudit"],
    cli: ["audit"],
  },
  listHosts: {
    rule: SEE,
    answers: "page",
    duration: "brief",
    mayRepeat: true,
    maxRequestBytes: SMALL_REQUEST_BYTES,
    rest: ["listHosts"],
    cli: ["hosts", "run --all"],
  },
  runJobs: {
    rule: CHANGE,
    answers: "stream",
    duration: "open_ended",
    // The request ids make a repeat return the same jobs.
    mayRepeat: true,
    maxRequestBytes: RUN_BYTES,
    rest: [],
    cli: ["run --all"],
  },
  stopJobs: {
    rule: CHANGE,
    answers: "one",
    duration: "brief",
    mayRepeat: false,
    maxRequestBytes: JOB_IDS_BYTES,
    rest: [],
    cli: [],
  },
} as const satisfies Readonly<Record<keyof JobService, Method>>;

/** A method of {@linkcode JobService}. */
export type JobMethod = keyof typeof METHODS;

/** Every {@linkcode JobMethod}. */
export const JOB_METHODS = Object.keys(METHODS) as readonly JobMethod[];

/** The methods that answer with a stream. */
export type StreamMethod = {
  [Name in JobMethod]: typeof METHODS[Name]["answers"] extends "stream" ? Name : never;
}[JobMethod];

/** The methods that answer once. */
export type UnaryMethod = Exclude<JobMethod, StreamMethod>;

export function isStream(method: JobMethod): method is StreamMethod {
  return METHODS[method].answers === "stream";
}

/** Whether a call may last as long as a job does. */
export function isOpenEnded(method: JobMethod): boolean {
  return METHODS[method].duration === "open_ended";
}

/** Whether a method changes anything. */
export function isChange(method: JobMethod): boolean {
  return METHODS[method].rule === CHANGE;
}

/**
 * The most bytes that are received of a request whose caller may not make it. They cost next to nothing, and
 * what they say of the job is in the audit trail.
 */
export const MAX_DENIED_BYTES = 1024;

/**
 * Whether somebody's roles allow a method at all. If they do not, nothing in the request matters: it need
 * not be received, and the service refuses an empty one just as well.
 */
export function mayCall(identity: Identity, method: JobMethod): boolean {
  return authorize(identity, METHODS[method].rule).kind === "allowed";
}

/**
 * Whether a call gets its audit entry when it is let in, because its end may be far off. What changes
 * something gets it once that is done.
 */
export function isAuditedWhenLetIn(method: JobMethod): boolean {
  return isOpenEnded(method) && !isChange(method);
}

type OperationIn<Form extends string> = Form extends `${infer Operation}?${string}` ? Operation
  : Form;

/** What {@linkcode METHODS} names of REST: an operation, some with a query. */
export type RestForm = typeof METHODS[JobMethod]["rest"][number];

/** An operation of REST that calls a method. */
export type RestOperation = OperationIn<RestForm>;

/** The operation that is meant, of those that {@linkcode METHODS} names. */
export function operationIn(form: string): RestOperation {
  return form.replace(/\?.*/, "") as RestOperation;
}

/** The request of a method. */
export type RequestOf<Name extends JobMethod> = Parameters<JobService[Name]>[0];

/** The answer of a method, or each one of its stream. */
export type AnswerOf<Name extends JobMethod> = ReturnType<JobService[Name]> extends
  Promise<infer Answer> ? Answer
  : ReturnType<JobService[Name]> extends AsyncIterable<infer Answer> ? Answer
  : never;
