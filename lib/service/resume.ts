import { isLastEvent, type RunEvent } from "../job/run_event.ts";
import type { RunTarget } from "./job_service.ts";
import type { AnswerOf, RequestOf, StreamMethod } from "./methods.ts";

/** What to ask for when a stream is cut off after this answer; `null` if that was everything. */
type Resume<Name extends StreamMethod> = (
  request: RequestOf<Name>,
  answer: AnswerOf<Name>,
) => RequestOf<Name> | null;

/**
 * How the rest of each stream is asked for, so that nothing in it is lost or repeated; of `watchJobs`, which tells
 * how things are, there is no rest, and all jobs come again.
 */
export const RESUME: { readonly [Name in StreamMethod]: Resume<Name> } = {
  streamLogs: (request, { nextOffset, endOffset, finishedJob }) =>
    finishedJob !== null ? null : {
      ...request,
      start: { kind: "offset", offset: nextOffset },
      ...(endOffset !== undefined && { endOffset }),
    },
  watchJobs: (request) => request,
  streamAudit: (request, { position }) => ({ ...request, position }),
  runJobs: (request, { events }) => {
    const targets = targetsAfter(request.targets, events);
    return targets.length === 0 ? null : { ...request, targets };
  },
};

/** The targets of which more is to come, and from where on. */
function targetsAfter(
  targets: readonly RunTarget[],
  events: readonly RunEvent[],
): readonly RunTarget[] {
  const left = new Map(targets.map((target) => [target.host, target]));
  for (const event of events) {
    const { host, job, log } = event;
    const target = left.get(host);
    if (target === undefined) continue;
    if (isLastEvent(event)) left.delete(host);
    else {
      const { jobId = target.jobId } = job ?? {};
      left.set(host, { ...target, jobId, offset: log?.nextOffset ?? target.offset });
    }
  }
  return [...left.values()];
}
