import type { Context } from "hono";
import { pullStream } from "../async/pull_stream.ts";
import { auditGapJson, auditJson } from "../job/audit_record.ts";
import type { Alike } from "../service/alike.ts";
import type {
  AuditBatch,
  CallContext,
  JobService,
  StreamAuditRequest,
} from "../service/job_service.ts";
import { withHeartbeat } from "./heartbeat.ts";
import type { LogAnswerOptions } from "./log_answer.ts";
import { OPERATIONS } from "./operations.ts";
import { problemOf } from "./problem.ts";
import { isSet, readQuery } from "./request.ts";
import type { RestEnv } from "./rest_env.ts";

/** Answers with lines of the audit trail, as lines of JSON. */
export async function auditAnswer(
  c: Context<RestEnv>,
  service: JobService,
  options: LogAnswerOptions,
): Promise<Response> {
  const { user = "", jobIdPrefix = "", method = "", denied, since, follow } = readQuery(
    c,
    OPERATIONS.readAudit,
  );
  const request = {
    user,
    jobIdPrefix,
    method,
    deniedOnly: isSet(denied),
    ...(since !== undefined && { since: Date.parse(since) }),
    follow: isSet(follow),
    // Nobody continues over REST: `since` does as well.
    position: "",
  };
  // A field without a parameter in the query does not compile.
  true satisfies Alike<typeof request, StreamAuditRequest>;
  if (request.follow) c.env.openEnded();
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const batches = readAudit(service, request, { caller: c.var.caller, signal });
  const close = async () => {
    left.abort();
    await batches.return();
  };
  // The first one is empty. An error at this point can still become the status of the answer.
  await batches.next();
  // Hono drops the body of such an answer without cancelling it.
  if (c.req.method === "HEAD") await close();
  return new Response(pullStream(asLines(batches, options), { onCancel: close }), {
    headers: {
      "Content-Type": "application/x-ndjson",
      // Proxies such as nginx would buffer what is to be seen live.
      "X-Accel-Buffering": "no",
    },
  });
}

/** The batches, as a generator that can be closed. */
async function* readAudit(
  service: JobService,
  request: StreamAuditRequest,
  context: CallContext,
): AsyncGenerator<AuditBatch, void, undefined> {
  yield* service.streamAudit(request, context);
}

const encoder = new TextEncoder();

/** A line of JSON per record, and an empty one during silences, to notice a client that has vanished. */
async function* asLines(
  batches: AsyncIterable<AuditBatch>,
  { heartbeatMs, known }: LogAnswerOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const encode = (values: readonly unknown[]) =>
    encoder.encode(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  try {
    for await (const batch of withHeartbeat(batches, heartbeatMs)) {
      if (batch === null) yield encoder.encode("\n");
      else {
        const { gap, records } = batch;
        const lines = [
          ...(gap === undefined ? [] : [auditGapJson(gap)]),
          ...records.map(auditJson),
        ];
        if (lines.length > 0) yield encode(lines);
      }
    }
  } catch (error) {
    yield encode([{ error: problemOf(known(error)) }]);
  }
}
