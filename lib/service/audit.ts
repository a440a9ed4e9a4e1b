import type { Command } from "../job/types.ts";
import type { Caller } from "./job_service.ts";
import type { JobMethod } from "./methods.ts";
import type { ErrorCode } from "../errors.ts";

/** One decision: who wanted what, whether it was allowed, and what came of it. */
export interface AuditEntry {
  readonly caller: Caller;
  readonly method: JobMethod;
  /** `""` for a method without a job, and for a start that made none. */
  readonly jobId: string;
  /** What was to be run, for a start. Its environment is left out: secrets are passed that way. */
  readonly command: Pick<Command, "name" | "args"> | null;
  readonly decision: "allowed" | "denied";
  /** `"opened"` for a call that goes on after the decision: a stream, or a wait. */
  readonly result: "ok" | "opened" | ErrorCode;
}

/** Somebody who was turned away at the door, before there was a call to decide on. */
export interface Refusal {
  /** What they tried: to connect with a certificate, or to log in with a password. */
  readonly method: "connect" | "login";
  /** As in {@linkcode Caller}. */
  readonly peer: string;
  /** Who they said they are, if they said so. */
  readonly user: string;
  /** Of their certificate, if it was seen. */
  readonly fingerprint: string;
  readonly why: string;
  /** So many others since the last one are not told of: strangers can cause as many as they like. */
  readonly unreported: number;
}

/** Where audit entries go. */
export interface Audit {
  /**
   * Settles once the entry is on the disk, so that a power cut does not take it.
   *
   * @throws `unavailable` if it cannot be brought there: it is then not in the trail
   */
  commit(entry: AuditEntry): Promise<void>;
  /**
   * Settles once the entry is with the operating system, to be on the disk a second later; or has been
   * set aside because it could not be written: it is then tried again with the next one. Never rejects:
   * what was decided has been done.
   */
  write(entry: AuditEntry): Promise<void>;
  /** The same for a refusal. */
  refuse(refusal: Refusal): Promise<void>;
  /** @throws `unavailable` while there are entries that cannot be written */
  assertWritable(): Promise<void>;
}
