/**
 * The lines of the audit trail as they are read, and as JSON, which is the same in the trail itself, in REST and
 * in the CLI.
 *
 * @module
 */

import { dateText } from "./job_words.ts";

/** A line of the audit trail. What a line does not say is empty. */
export interface AuditRecord {
  /** In milliseconds since the Unix epoch. */
  readonly time: number;
  readonly user: string;
  readonly roles: readonly string[];
  /** SHA-256 of the client certificate, in lower-case hex. */
  readonly fingerprint: string;
  /** Address and port. */
  readonly peer: string;
  /** The hub of a fleet that has brought the call. */
  readonly via: string;
  /** What was asked for; `connect` of whoever was turned away at the door; `login` and `logout`. */
  readonly method: string;
  readonly jobId: string;
  /** For a start, the command and its arguments. */
  readonly argv: readonly string[];
  /** How many characters of the arguments are missing, if any are. */
  readonly argvTruncated?: number;
  /** For a start, the user of the system that the job runs as. */
  readonly runAs: string;
  /** For a start, the webhook that is told how the job ends, without its path. */
  readonly notify: string;
  /** `allowed` or `denied`. */
  readonly decision: string;
  /** `ok`, `opened` or the code of an error. */
  readonly result: string;
  readonly why: string;
  /** How many lines like this were left out before it. */
  readonly unreported: number;
  /** How many lines were lost while the disk took none: this one is in their place. */
  readonly lost: number;
  /** Bytes of the file that a power cut has damaged, from one up to another. */
  readonly damaged?: { readonly from: number; readonly to: number };
}

/** What was written between two moments, in milliseconds since the Unix epoch, and is gone. */
export interface AuditGap {
  readonly from: number;
  readonly to: number;
}

/** Some lines, in the order in which they were written. */
export interface AuditBatch {
  /** What was removed before it was read, just before these lines. */
  readonly gap?: AuditGap;
  readonly records: readonly AuditRecord[];
  /** Stands for all lines up to the last of these. */
  readonly position: string;
}

/** A record as the trail has it, without what is empty. */
export function auditJson(record: AuditRecord): Readonly<Record<string, unknown>> {
  const { time, user, roles, fingerprint, peer, via, method, jobId, argv, argvTruncated } = record;
  const { runAs, notify, decision, result, why, unreported, lost, damaged } = record;
  return {
    time: dateText(time),
    ...(user !== "" && { user }),
    ...((roles.length > 0 || user !== "") && { roles }),
    ...(fingerprint !== "" && { fingerprint }),
    ...(peer !== "" && { peer }),
    ...(via !== "" && { via }),
    ...(method !== "" && { method }),
    ...(jobId !== "" && { jobId }),
    ...(argv.length > 0 && { argv }),
    ...(argvTruncated !== undefined && { argvTruncated }),
    ...(runAs !== "" && { runAs }),
    ...(notify !== "" && { notify }),
    ...(decision !== "" && { decision }),
    ...(result !== "" && { result }),
    ...(why !== "" && { why }),
    ...(unreported > 0 && { unreported }),
    ...(lost > 0 && { lost }),
    ...(damaged !== undefined && { damaged }),
  };
}

/** A gap as it stands among the lines of JSON. */
export function auditGapJson({ from, to }: AuditGap): Readonly<Record<string, unknown>> {
  return { gap: { from: dateText(from), to: dateText(to) } };
}

/** The gap on a line of JSON; `null` if there is none. */
export function readAuditGap(line: string): AuditGap | null {
  const gap = fieldOf(parsed(line), "gap");
  return gap === undefined
    ? null
    : { from: Date.parse(textIn(gap, "from")), to: Date.parse(textIn(gap, "to")) };
}

/** The record on a line, whichever version of the daemon has written it; `null` if there is none. */
export function readAuditRecord(line: string): AuditRecord | null {
  const value = parsed(line);
  const time = Date.parse(textIn(value, "time"));
  if (Number.isNaN(time)) return null;
  // Until version 0.1 it was `argvCut`.
  const argvTruncated = fieldOf(value, "argvTruncated") ?? fieldOf(value, "argvCut");
  const damaged = fieldOf(value, "damaged");
  return {
    time,
    user: textIn(value, "user"),
    roles: textsIn(value, "roles"),
    fingerprint: textIn(value, "fingerprint"),
    peer: textIn(value, "peer"),
    via: textIn(value, "via"),
    method: textIn(value, "method"),
    jobId: textIn(value, "jobId"),
    argv: textsIn(value, "argv"),
    ...(argvTruncated !== undefined && { argvTruncated: countOf(argvTruncated) }),
    runAs: textIn(value, "runAs"),
    notify: textIn(value, "notify"),
    decision: textIn(value, "decision"),
    result: textIn(value, "result"),
    why: textIn(value, "why"),
    unreported: countOf(fieldOf(value, "unreported")),
    lost: countOf(fieldOf(value, "lost")),
    ...(damaged !== undefined && {
      damaged: { from: countOf(fieldOf(damaged, "from")), to: countOf(fieldOf(damaged, "to")) },
    }),
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // A power cut has damaged it.
    return null;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return Reflect.get(Object(value), name);
}

function textIn(value: unknown, name: string): string {
  const text = fieldOf(value, name);
  return typeof text === "string" ? text : "";
}

function textsIn(value: unknown, name: string): string[] {
  const texts = fieldOf(value, name);
  return Array.isArray(texts) ? texts.filter((text) => typeof text === "string") : [];
}

function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0;
}
