import type {
  AuditBatch,
  AuditGap,
  AuditRecord,
  StreamAuditRequest,
} from "../service/job_service.ts";
import type * as wire from "./gen/jobworker.ts";
import { readMs, writeTimestamp } from "./wire_values.ts";

export function readStreamAuditRequest(request: wire.StreamAuditRequest): StreamAuditRequest {
  const { since, ...rest } = request;
  return { ...rest, ...(since !== null && { since: readMs(since, "since") }) };
}

export function writeStreamAuditRequest(request: StreamAuditRequest): wire.StreamAuditRequest {
  const { since, ...rest } = request;
  return { ...rest, since: since === undefined ? null : writeTimestamp(since) };
}

export function readAuditBatch(response: wire.StreamAuditResponse): AuditBatch {
  const { records, position, gap } = response;
  return {
    records: records.map(readAuditRecord),
    position,
    ...(gap !== null && { gap: readAuditGap(gap) }),
  };
}

export function writeAuditBatch({ records, position, gap }: AuditBatch): wire.StreamAuditResponse {
  return {
    records: records.map(writeAuditRecord),
    position,
    gap: gap === undefined ? null : { from: writeTimestamp(gap.from), to: writeTimestamp(gap.to) },
  };
}

function readAuditGap({ from, to }: wire.AuditGap): AuditGap {
  return {
    from: from === null ? 0 : readMs(from, "gap.from"),
    to: to === null ? 0 : readMs(to, "gap.to"),
  };
}

function readAuditRecord(record: wire.AuditRecord): AuditRecord {
  const { time, user, roles, fingerprint, peer, method, jobId, argv, decision, result, why } =
    record;
  const { runAs, notify, via, unreported, lost, damaged } = record;
  return {
    time: time === null ? 0 : readMs(time, "time"),
    user,
    roles,
    fingerprint,
    peer,
    method,
    jobId,
    argv,
    ...(record._argvTruncated !== undefined && { argvTruncated: record.argvTruncated }),
    runAs,
    notify,
    via,
    decision,
    result,
    why,
    unreported,
    lost,
    ...(damaged !== null && { damaged }),
  };
}

function writeAuditRecord(record: AuditRecord): wire.AuditRecord {
  const { time, argvTruncated, damaged, ...rest } = record;
  // Written like this, the compiler sees that it is either complete or absent.
  const truncated = argvTruncated === undefined
    ? {}
    : { _argvTruncated: "argvTruncated", argvTruncated } as const;
  return { ...rest, time: writeTimestamp(time), damaged: damaged ?? null, ...truncated };
}
