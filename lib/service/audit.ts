import type { Command } from "../job/types.ts";
import type { AuditBatch, Caller, StreamAuditRequest } from "./job_service.ts";
import type { JobMethod } from "./methods.ts";
import type { ErrorCode } from "../errors.ts";

/** One decision: who wanted what, whether it was allowed, and what came of it. */
export interface AuditEntry {
  readonly caller: Caller;
  /** Beside the methods, that somebody has logged in to the page, or that a login was ended. */
  readonly method: JobMethod | "login" | "logout";
  /** `""` for a method without a job and for a start that created none. */
  readonly jobId: string;
  /** For a start, what was to be run. The environment is left out, because secrets are passed that way. */
  readonly command: Pick<Command, "name" | "args"> | null;
  /** For a start that was made, the user of the system that the job runs as; `""` for the daemon's own. */
  readonly runAs?: string;
  /** For a start, the webhook that is to be told how the job ends, without what may be a secret. */
  readonly notify?: string;
  readonly decision: "allowed" | "denied";
  /** `"opened"` for a call that goes on after the decision: a stream or a wait. */
  readonly result: "ok" | "opened" | ErrorCode;
  /** What else there is to know. */
  readonly why?: string;
  /** For one that was denied: how many of the same caller and method were left out before it. */
  readonly unreported?: number;
}

/** Somebody who was turned away before there was a call to decide on. */
export interface Refusal {
  /** What they tried: to connect with a certificate, to log in with a password, or to call by way of a fleet. */
  readonly method: "connect" | "login" | "fleet";
  /** As in {@linkcode Caller}. */
  readonly peer: string;
  /** Who they said they are, if they said so. */
  readonly user: string;
  /** The fingerprint of their certificate, if it was seen; else `""`. */
  readonly fingerprint: string;
  readonly why: string;
  /** How many refusals since the last one were not reported: strangers can cause any number of them. */
  readonly unreported: number;
}

/** What a gateway tells of. */
export type GatewayRefusal = Refusal & { readonly method: "connect" | "login" };

/** Where audit entries go, and come from. */
export interface Audit {
  /**
   * Settles once the entry is on the disk, so that a power cut cannot lose it.
   *
   * @throws `unavailable` if it cannot be written to the disk: it is then not in the trail
   */
  commit(entry: AuditEntry): Promise<void>;
  /**
   * Settles once the operating system has the entry, which reaches the disk a second later. An entry that
   * cannot be written is set aside and tried again with the next one. Never rejects, because what was
   * decided has been done. Of what one caller is denied again and again, only some is written, with the number
   * of the others.
   */
  write(entry: AuditEntry): Promise<void>;
  /** Like {@linkcode write}, for a refusal. */
  refuse(refusal: Refusal): Promise<void>;
  /** @throws `unavailable` while there are entries that cannot be written */
  assertWritable(): Promise<void>;
  /** The lines that a request is about; see `JobService.streamAudit`. */
  read(request: StreamAuditRequest, signal: AbortSignal): AsyncIterable<AuditBatch>;
}
