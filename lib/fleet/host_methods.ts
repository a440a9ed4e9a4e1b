/**
 * What a hub may ask of a host, and what both must know of each method.
 *
 * @module
 */

import type { JobService, PlacementService } from "../service/job_service.ts";
import {
  isChange,
  isOpenEnded,
  isStream,
  JOB_METHODS,
  type JobMethod,
  METHODS,
} from "../service/methods.ts";
import { RESUME } from "../service/resume.ts";
import type { ChangesService } from "./host_changes.ts";
import { MAX_MESSAGE_BYTES } from "./sealed_message.ts";

/** All that may be asked of a host: by clients, and by hubs for themselves. */
export interface HostService extends JobService, PlacementService, ChangesService {}

/** What is known of a method before it is called. */
export interface HostMethod {
  readonly answers: "one" | "many";
  /** Whether the answer is fetched page by page, because it may be long or long in coming. */
  readonly isPaged: boolean;
  /** Whether it lasts as long as a job does. */
  readonly isLasting: boolean;
  /** Whether it ends when its caller leaves. */
  readonly isCancellable: boolean;
  /** Whether it changes anything. */
  readonly isChange: boolean;
  /** Whether a hub that has lost the answer may call again without anything being done twice. */
  readonly mayRepeat: boolean;
  /** The most bytes of a request as it is sealed: no more is opened. */
  readonly maxSealedBytes: number;
  /** What to ask for when the answers are cut off after this one; `null` if that was the last. */
  readonly resume: (request: never, answer: never) => object | null;
}

/** What JSON makes of a byte, at most; and the caller, who is in the request as well. */
const JSON_BYTES = 6;
const CALLER_BYTES = 8 * 1024;

function hostMethod(name: JobMethod): HostMethod {
  const { duration, mayRepeat, maxRequestBytes } = METHODS[name];
  const sealedBytes = JSON_BYTES * maxRequestBytes + CALLER_BYTES;
  return {
    answers: isStream(name) ? "many" : "one",
    isPaged: isStream(name) || isOpenEnded(name),
    isLasting: isOpenEnded(name),
    isCancellable: duration !== "brief",
    isChange: isChange(name),
    mayRepeat,
    maxSealedBytes: Math.min(sealedBytes, MAX_MESSAGE_BYTES),
    resume: isStream(name) ? RESUME[name] : () => null,
  };
}

const CHANGES: HostMethod = {
  answers: "one",
  isPaged: true,
  isLasting: true,
  isCancellable: true,
  isChange: false,
  mayRepeat: true,
  maxSealedBytes: 2 * CALLER_BYTES,
  resume: () => null,
};

/** Every method of {@linkcode HostService}. */
export const HOST_METHODS: Readonly<Record<keyof HostService, HostMethod>> = {
  ...Object.fromEntries(JOB_METHODS.map((name) => [name, hostMethod(name)])) as Record<
    JobMethod,
    HostMethod
  >,
  // Without a request id, a repeat would be another job.
  startJob: { ...hostMethod("startJob"), mayRepeat: false },
  // It may have been done although its caller has left, and the id makes a repeat return the same job.
  placeJob: { ...hostMethod("startJob"), isCancellable: false },
  changes: CHANGES,
};

/** Whether a method is one for clients, which may have requests and answers that are no JSON. */
export function isJobMethod(name: keyof HostService | typeof REACH): name is JobMethod {
  return Object.hasOwn(METHODS, name);
}

/** The method with which a hub finds out whether a host is there, and in which epoch. */
export const REACH = "reach";

/** How long a host waits for something to answer before it says that there is nothing yet. */
export const PAGE_WAIT_MS = 10_000;

/** How much a page holds at least before it is passed on, if there is as much. */
export const PAGE_BYTES = 256 * 1024;
