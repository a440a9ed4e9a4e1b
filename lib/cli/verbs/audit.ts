import type { AuditVerb, Moment } from "../invocation.ts";
import { parseMoment } from "../moment.ts";
import { type Command, type Found, option, subcommand } from "../parser.ts";
import { parseText } from "../values.ts";

interface AuditOptions {
  readonly user?: string;
  readonly job?: string;
  readonly method?: string;
  readonly denied?: boolean;
  readonly since?: Moment;
  readonly follow?: boolean;
}

/** Defines `audit`. */
export function defineAudit(program: Command, found: Found): void {
  subcommand(program, "audit", "print the audit trail, oldest line first; for admins")
    .addOption(option("--user <user>", "only what this user asked for", parseText))
    .addOption(option("--job <jobId>", "only what this job was asked for", parseText))
    .addOption(
      option("--method <method>", "only this method, e.g. startJob, connect or login", parseText),
    )
    .option("--denied", "only what was denied")
    .addOption(
      option(
        "--since <when>",
        "only lines from then on, e.g. 10m or 2026-07-31T09:30:00Z",
        parseMoment,
      ),
    )
    .option("-f, --follow", "keep printing lines as they come")
    .addHelpText(
      "after",
      "\nOne line each, separated by tabs: time, user, decision, result, method, jobId,\n" +
        "peer, and the command or why somebody was turned away.",
    )
    .action((options: AuditOptions) => found(auditVerbOf(options)));
}

function auditVerbOf(options: AuditOptions): AuditVerb {
  const { user = "", job = "", method = "", denied = false, since, follow = false } = options;
  return {
    kind: "audit",
    user,
    jobIdPrefix: job.toLowerCase(),
    method,
    denied,
    ...(since && { since }),
    follow,
  };
}
