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
};
