import { authorize } from "../auth/authorize.ts";
import { JobWorkerError } from "../errors.ts";
import type { AuditEntry } from "./audit.ts";
import type { CallContext } from "./job_service.ts";
import { type JobMethod, METHODS } from "./methods.ts";

/** What is known of a call while it runs, for its audit entry. */
export interface ServiceCall {
  readonly method: JobMethod;
  readonly context: CallContext;
  readonly command: AuditEntry["command"];
  /** `""` for none. */
  readonly notify: string;
  jobId: string;
  runAs: string;
  denied: boolean;
  /** Whether its entry is in the trail already. */
  audited: boolean;
}

/**
 * Decides whether the caller may do this, with the job of the call if that has an owner.
 *
 * @returns which jobs they may do it with
 * @throws `permission_denied`; `not_found` for a job that they may not know of
 */
export function authorizeCall(call: ServiceCall, owner?: string): "all" | "own" {
  const { identity } = call.context.caller;
  const decision = authorize(identity, METHODS[call.method].rule, owner);
  switch (decision.kind) {
    case "allowed":
      return decision.scope;
    case "not_found":
      call.denied = true;
      // Exactly what the worker says of a job that does not exist.
      throw new JobWorkerError("not_found", `No job "${call.jobId}"`);
    case "permission_denied":
      throw new JobWorkerError(
        "permission_denied",
        `Permission denied: user "${identity.user}" with ${rolesOf(identity.roles)} may not ` +
          `call ${call.method}${owner === undefined ? "" : ` on job "${call.jobId}"`}`,
      );
  }
}

/** What the audit trail says of a call. */
export function entryOf(call: ServiceCall, result: AuditEntry["result"]): AuditEntry {
  const { method, command, notify, context: { caller }, runAs, denied } = call;
  // An invalid id may hold anything, of any length.
  const jobId = call.jobId.slice(0, 64);
  const decision = denied ? "denied" : "allowed";
  return {
    ...{ caller, method, jobId, command },
    ...(runAs !== "" && { runAs }),
    ...(notify !== "" && { notify }),
    ...{ decision, result },
  };
}

function rolesOf(roles: readonly string[]): string {
  return roles.length === 0 ? "no role" : `role ${roles.join(", ")}`;
}
