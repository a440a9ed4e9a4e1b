/**
 * The methods of `JobService`, and what each of those must know who stand between a client and it. Rules,
 * handlers, limits, proxies and documents go by this table: a method that is missing here does not compile.
 *
 * @module
 */

import { CHANGE, type Rule, SEE } from "../auth/authorize.ts";
import type { JobService } from "./job_service.ts";

/** What is known of a method before it is called. */
export interface Method {
  /** Who may call it, and on whose jobs. */
  readonly rule: Rule;
  /** One answer, or a stream of them. */
  readonly answers: "one" | "stream";
  /**
   * `brief`: over soon, whether or not its caller is still there. `cancellable`: over soon, and sooner if its
   * caller leaves. `open_ended`: lasts for as long as a job likes, unless its caller leaves.
   */
  readonly duration: "brief" | "cancellable" | "open_ended";
  /** Whether a client that has lost the answer may call again: then too it is done once. */
  readonly mayRepeat: boolean;
}

export const METHODS = {
  // By its request id.
  startJob: { rule: CHANGE, answers: "one", duration: "cancellable", mayRepeat: true },
  stopJob: { rule: CHANGE, answers: "one", duration: "brief", mayRepeat: false },
  getJob: { rule: SEE, answers: "one", duration: "brief", mayRepeat: true },
  listJobs: { rule: SEE, answers: "one", duration: "brief", mayRepeat: true },
  waitJob: { rule: SEE, answers: "one", duration: "open_ended", mayRepeat: true },
  getLogs: { rule: SEE, answers: "one", duration: "brief", mayRepeat: true },
  streamLogs: { rule: SEE, answers: "stream", duration: "open_ended", mayRepeat: true },
  watchJobs: { rule: SEE, answers: "stream", duration: "open_ended", mayRepeat: true },
  signalJob: { rule: CHANGE, answers: "one", duration: "brief", mayRepeat: false },
  updateJob: { rule: CHANGE, answers: "one", duration: "brief", mayRepeat: false },
  // By its offset.
  writeInput: { rule: CHANGE, answers: "one", duration: "open_ended", mayRepeat: true },
  pruneJobs: { rule: CHANGE, answers: "one", duration: "brief", mayRepeat: false },
} as const satisfies Readonly<Record<keyof JobService, Method>>;

/** A method of {@linkcode JobService}. */
export type JobMethod = keyof typeof METHODS;

/** Every {@linkcode JobMethod}. */
export const JOB_METHODS = Object.keys(METHODS) as readonly JobMethod[];

/** The methods that answer with a stream. */
export type StreamMethod = {
  [Name in JobMethod]: typeof METHODS[Name]["answers"] extends "stream" ? Name : never;
}[JobMethod];

/** The other ones. */
export type UnaryMethod = Exclude<JobMethod, StreamMethod>;

export function isStream(method: JobMethod): method is StreamMethod {
  return METHODS[method].answers === "stream";
}

/** Whether a call may last for as long as a job likes. */
export function isOpenEnded(method: JobMethod): boolean {
  return METHODS[method].duration === "open_ended";
}

/** Whether a method changes anything. */
export function isChange(method: JobMethod): boolean {
  return METHODS[method].rule === CHANGE;
}

/** What a method is asked. */
export type RequestOf<Name extends JobMethod> = Parameters<JobService[Name]>[0];

/** What a method answers, once or again and again. */
export type AnswerOf<Name extends JobMethod> = ReturnType<JobService[Name]> extends
  Promise<infer Answer> ? Answer
  : ReturnType<JobService[Name]> extends AsyncIterable<infer Answer> ? Answer
  : never;
