import type { DaemonOptions } from "../config/options.ts";
import { messageOf } from "../errors.ts";
import { AuditLog } from "../service/audit_log.ts";
import { AUDIT_TRAIL } from "./data_directory.ts";
import { diagnostics } from "./diagnostics.ts";

/** What of the options is about the audit trail. */
export type AuditOptions = Pick<
  DaemonOptions,
  "auditLimit" | "auditAgeMs" | "auditKeep" | "auditMask"
>;

/** Opens the audit trail in a data directory. */
export async function openAudit(
  dataDirectory: string,
  { auditLimit: limitBytes, auditAgeMs: maxAgeMs, auditKeep: keep, auditMask: masks }: AuditOptions,
): Promise<AuditLog> {
  return await AuditLog.open(
    `${dataDirectory}/${AUDIT_TRAIL}`,
    (error) => diagnostics.error("Audit: {why}", { why: messageOf(error) }),
    { limitBytes, maxAgeMs, keep, masks },
  );
}
