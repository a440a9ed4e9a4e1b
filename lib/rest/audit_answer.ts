import type { Context } from "hono";
import { JobWorkerError } from "../errors.ts";
import { auditGapJson, auditJson } from "../job/audit_record.ts";
import type { Alike } from "../service/alike.ts";
import * as fields from "../service/fields.ts";
import type { JobService, StreamAuditRequest } from "../service/job_service.ts";
import type { LogAnswerOptions } from "./log_answer.ts";
import { OPERATIONS } from "./operations.ts";
import { isSet, LINES_TYPE, readQuery } from "./request.ts";
import type { RestEnv } from "./rest_env.ts";
import { streamAnswer } from "./stream_answer.ts";

/** Answers with lines of the audit trail. */
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
    position: positionIn(c.req.header("last-event-id")),
  };
  // A field without a parameter in the query does not compile.
  true satisfies Alike<typeof request, StreamAuditRequest>;
  if (request.follow) c.env.openEnded();
  return await streamAnswer(c, {
    open: (context) => service.streamAudit(request, context),
    opensWithNothing: true,
    lines: ({ gap, records }) => [
      ...(gap === undefined ? [] : [auditGapJson(gap)]),
      ...records.map(auditJson),
    ],
    id: ({ position }) => position,
    defaultType: LINES_TYPE,
  }, options);
}

/** What a browser that reconnects says it has had. */
function positionIn(lastEventId = ""): string {
  if (lastEventId === "" || fields.auditPosition.safeParse(lastEventId).success) return lastEventId;
  throw new JobWorkerError(
    "invalid_argument",
    "Invalid Last-Event-ID: must be the id of an event",
  );
}
