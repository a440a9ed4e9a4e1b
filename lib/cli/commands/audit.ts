import { abortable } from "../../async/abortable.ts";
import {
  type AuditGap,
  auditGapJson,
  auditJson,
  type AuditRecord,
} from "../../job/audit_record.ts";
import { dateText } from "../../job/job_words.ts";
import { jsonLine, printable, shellWords } from "../../text/printable.ts";
import type { Context } from "../context.ts";
import type { AuditVerb } from "../invocation.ts";
import { printLine } from "../io.ts";
import { timeOf } from "../moment.ts";

/** Prints lines of the audit trail, and with `--follow` those that come. */
export async function audit(context: Context, verb: AuditVerb): Promise<number> {
  const { io, settings, client } = context;
  const { user, jobIdPrefix, method, denied: deniedOnly, since, follow } = verb;
  const from = since && { since: timeOf(since, Date.now()) };
  const request = { user, jobIdPrefix, method, deniedOnly, ...from, follow, position: "" };
  const signal = io.interrupted;
  const line = settings.json ? (record: AuditRecord) => jsonLine(auditJson(record)) : tabbedLine;
  for await (const { gap, records } of client.streamAudit(request, { signal })) {
    if (gap !== undefined) await abortable(printGap(context, gap), signal);
    if (records.length === 0) continue;
    // The reader may have stopped for ever, and must not keep us from leaving.
    await abortable(printLine(io.stdout, records.map(line).join("\n")), signal);
  }
  return 0;
}

/** Says what is missing before the next line. */
async function printGap({ io, settings }: Context, gap: AuditGap): Promise<void> {
  if (settings.json) return await printLine(io.stdout, jsonLine(auditGapJson(gap)));
  await printLine(
    io.stderr,
    `worker-cli: What was written between ${dateText(gap.from)} and ${
      dateText(gap.to)
    } is missing: ` +
      "it was removed to keep the audit trail within its bounds before it could be read",
  );
}

function tabbedLine(record: AuditRecord): string {
  const { time, user, decision, result, method, jobId, peer } = record;
  const texts = [user, decision, result, method, jobId, peer].map((text) => printable(text) || "-");
  return [dateText(time), ...texts, detailOf(record) || "-"].join("\t");
}

/** What else there is to say: the command, or what is unusual. */
function detailOf(record: AuditRecord): string {
  const { argv, argvTruncated, runAs, notify, via, why, unreported, lost, damaged } = record;
  return [
    ...(argv.length > 0 ? [shellWords(argv)] : []),
    ...(argvTruncated === undefined ? [] : [`(${argvTruncated} characters more)`]),
    ...(runAs === "" ? [] : [`(as ${printable(runAs)})`]),
    ...(notify === "" ? [] : [`(tells ${printable(notify)})`]),
    ...(via === "" ? [] : [`(by way of ${printable(via)})`]),
    ...(why === "" ? [] : [printable(why)]),
    ...(unreported === 0 ? [] : [`(and ${unreported} more like this)`]),
    ...(lost === 0 ? [] : [`${lost} lines were lost while the disk took none`]),
    ...(damaged === undefined ? [] : [`bytes ${damaged.from} to ${damaged.to} are damaged`]),
  ].join(" ");
}
