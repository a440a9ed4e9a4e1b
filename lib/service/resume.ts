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
  watchJobs: ({ filter }) => ({ filter }),
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

/** What a client does about a connection that breaks. */
export interface Recovery {
  /** Told that something has come. */
  readonly succeeded: () => void;
  /** Waits until it is worth another try; throws what no other try would mend. */
  readonly recover: (error: unknown) => Promise<void>;
}

/** A whole stream: after each broken connection the rest of it is asked for. */
export async function* resumed<Name extends StreamMethod>(
  method: Name,
  request: RequestOf<Name>,
  ask: (rest: RequestOf<Name>) => AsyncIterable<AnswerOf<Name>>,
  { succeeded, recover }: Recovery,
): AsyncGenerator<AnswerOf<Name>, void, undefined> {
  for (let rest = request;;) {
    try {
      for await (const answer of ask(rest)) {
        succeeded();
        const next = RESUME[method](rest, answer);
        yield answer;
        // This is everything, so a connection that breaks now makes no difference.
        if (next === null) return;
        rest = next;
      }
      return;
    } catch (error) {
      await recover(error);
    }
  }
}
