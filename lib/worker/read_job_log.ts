import { abortable } from "../async/abortable.ts";
import type { ActiveJob } from "./active_jobs.ts";
import { JobLog } from "../log/job_log.ts";
import type { LogLibrary } from "../log/log_library.ts";
import { checkWhole } from "../log/log_loss.ts";
import { readLog, type ReadLogOptions } from "../log/log_reader.ts";
import { findStart } from "../log/log_start.ts";
import type { QueuedJobs } from "./queued_jobs.ts";
import type { Job, LogBatch, LogStart, LogStream } from "../job/types.ts";

/** Options of {@linkcode readJobLog}. */
export type ReadJobLogOptions = Omit<ReadLogOptions, "offset"> & { readonly start: LogStart };

/** Where {@linkcode readJobLog} finds a job and its log. */
export interface JobsWithLogs {
  readonly logs: LogLibrary;
  readonly queued: QueuedJobs;
  /** `undefined` for a job that is not active. */
  readonly find: (jobId: string) => Promise<ActiveJob | undefined>;
  /** Throws `not_found`. */
  readonly get: (jobId: string) => Promise<Job>;
  /** The job, once it has ended. */
  readonly wait: (jobId: string, options: { signal?: AbortSignal }) => Promise<Job>;
}

/**
 * Reads the log of a job, whether it runs or not; that of a queued job, which is empty, until it has run. The last
 * batch carries the job if it has ended.
 *
 * @throws `not_found`, `out_of_range`; `data_loss` where the log has lost something; the reason of the
 *   signal
 */
export async function* readJobLog(
  jobId: string,
  options: ReadJobLogOptions,
  { logs, queued, find, get, wait }: JobsWithLogs,
): AsyncGenerator<LogBatch<LogStream>, void, undefined> {
  const { start, streams, follow, turn, signal } = options;
  using _reader = logs.countReader(jobId);
  if (queued.has(jobId)) {
    const offset = start.kind === "offset" ? start.offset : 0;
    const nothing = JobLog.empty(logs.pathOf(jobId));
    // It has nothing to say, except of an offset that the log does not have.
    for await (const _ of readLog(nothing, { ...options, offset }));
    yield { records: [], nextOffset: 0, ...(!follow && { endOffset: 0 }), finishedJob: null };
    if (!follow) return;
    await queued.left(jobId, signal);
  }
  const active = await abortable(find(jobId), signal);
  const enough = follow && start.kind === "offset" ? start.offset : undefined;
  using open = await active?.running.openLog({ enough });
  // One that has ended stays as it is.
  let ended: Job | null = null;
  let log = open?.log;
  if (log === undefined) {
    ended = await get(jobId);
    log = await logs.openEnded(ended, start);
  }
  // Up to what is there now: a job may print faster than its log is searched and read.
  const endOffset = Math.min(options.endOffset ?? Infinity, log.endOffset);
  // Look first, then read: otherwise what is printed after the last read, just before the end, would be
  // missed.
  const toTheEnd = follow || log.closed && endOffset === log.endOffset;
  const offset = await findStart(log, start, new Set(streams), {
    end: endOffset,
    ...(turn && { turn }),
  });
  const { buffers } = logs;
  const reading = { readBytes: () => logs.readBytes, shared: logs.piecesOf(jobId), buffers };
  for await (const batch of readLog(log, { ...options, ...reading, offset, endOffset })) {
    yield { ...batch, finishedJob: null };
  }
  const job = toTheEnd ? ended ?? await wait(jobId, options) : null;
  if (job?.end) checkWhole(log, job);
  yield {
    records: [],
    nextOffset: follow ? log.endOffset : endOffset,
    ...(!follow && { endOffset }),
    finishedJob: job?.end ? job : null,
  };
}
