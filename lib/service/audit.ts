import type { Command } from "../worker/types.ts";
import type { Caller, JobMethod } from "./job_service.ts";
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

/** Where audit entries go. */
export interface Audit {
  /**
   * Settles once the entry is with the operating system, or has been set aside because it could not
   * be written: it is then tried again with the next one. Never rejects: what was decided has been done.
   */
  write(entry: AuditEntry): Promise<void>;
  /** @throws `unavailable` while there are entries that cannot be written */
  assertWritable(): Promise<void>;
}
