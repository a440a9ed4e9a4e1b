/**
 * The audit trail.
 *
 * @module
 */

import type { Alike } from "../../service/alike.ts";
import type { AuditRecord } from "../../service/job_service.ts";
import * as z from "../../text/zod.ts";
import * as fields from "../../service/fields.ts";
import { bytes, dateTime, flag, named } from "./pieces.ts";

export const auditQuery = z.strictObject({
  user: fields.owner.optional(),
  jobIdPrefix: fields.jobIdPrefix.optional(),
  method: fields.auditMethod.optional(),
  denied: flag.default("0").meta({ description: "Only what was denied." }),
  since: dateTime.optional().meta({ description: "Only lines from then on." }),
  follow: flag.default("0").meta({
    description: "Keep sending lines as they come. An empty line is sent during silences.",
  }),
});

const auditFacts = z.object({
  user: z.string(),
  roles: z.array(z.string()),
  fingerprint: z.string().meta({ description: "SHA-256 of the client certificate." }),
  peer: z.string().meta({ description: "Address and port." }),
  via: z.string().meta({ description: "The hub of a fleet that has brought the call." }),
  method: z.string(),
  jobId: z.string(),
  argv: z.array(z.string()).meta({ description: "For a start: the command and its arguments." }),
  argvTruncated: bytes.meta({ description: "How many characters of the arguments are missing." }),
  runAs: z.string().meta({
    description: "For a start: the user of the system that the job runs as.",
  }),
  notify: z.string().meta({
    description: "For a start: the webhook that is told how the job ends, without its path.",
  }),
  decision: z.string().meta({ description: "`allowed` or `denied`." }),
  result: z.string().meta({ description: "`ok`, `opened` or the code of an error." }),
  why: z.string(),
  unreported: bytes.meta({ description: "How many lines like this were left out before it." }),
  lost: bytes.meta({
    description: "How many lines were lost while the disk took none: this one is in their place.",
  }),
  damaged: z.object({ from: bytes, to: bytes }).meta({
    description: "Bytes of the file that a power cut has damaged.",
  }),
}).exactPartial();

export const auditLine = z.object({ time: dateTime }).extend(auditFacts.shape).register(named, {
  id: "AuditLine",
});

export const auditGap = z.object({
  gap: z.object({ from: dateTime, to: dateTime }).meta({
    description: "What was written between these moments was removed before it was read.",
  }),
}).register(named, { id: "AuditGap" });

// A field that only one of AuditRecord and the schema has does not compile.
true satisfies Alike<keyof AuditRecord, keyof z.output<typeof auditLine>>;
