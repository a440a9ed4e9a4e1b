import { Buffer } from "node:buffer";
import { abortable } from "../async/abortable.ts";
import type { Context } from "./context.ts";
import type { Output } from "./io.ts";
import { printLine } from "./io.ts";
import type { Job, LogGap, LogRecord, LogStart, StreamLogsRequest } from "./job_client.ts";
import { jobJson } from "../job/job_json.ts";
import { jsonForm, type LogForm, rawForm, timestampedForm } from "./log_form.ts";
import { jsonLine } from "../text/printable.ts";

/** Where a log begins. */
export const FIRST_BYTE: LogStart = { kind: "offset", offset: 0 };

/** Options of {@linkcode printLog}. */
export interface PrintLogOptions {
  readonly timestamps?: boolean;
  /** Ends the call; `io.interrupted` by default. */
  readonly signal?: AbortSignal;
}

/**
 * Prints the log of a job: its stdout on stdout, its stderr on stderr. It asks for the next batch only
 * after writing the previous one, so that a slow reader slows only itself.
 *
 * @returns the ended job, or `null` if it is still running
 */
export async function printLog(
  context: Context,
  request: StreamLogsRequest,
  options: PrintLogOptions = {},
): Promise<Job | null> {
  const { io, settings, client } = context;
  const { timestamps = false, signal = io.interrupted } = options;
  const form = settings.json ? jsonForm() : timestamps ? timestampedForm() : rawForm();
  const outputOf = (record: LogRecord) =>
    settings.json || record.stream === "stdout" ? io.stdout : io.stderr;

  let finished: Job | null = null;
  for await (const batch of client.streamLogs(request, { signal })) {
    if (batch.gap !== undefined) await printGap(context, batch.gap);
    for (const [output, bytes] of runs(batch.records, outputOf, form)) {
      // The reader may have stopped for ever, and must not keep us from leaving.
      await abortable(output.write(bytes), signal);
    }
    finished = batch.finishedJob;
  }
  if (finished !== null && settings.json) {
    await printLine(io.stdout, jsonLine({ finishedJob: jobJson(finished) }));
  }
  return finished;
}

/** Prints the whole log of a job until it ends, and returns the ended job. */
export async function followLog(
  context: Context,
  jobId: string,
  signal: AbortSignal = context.io.interrupted,
): Promise<Job> {
  const request = { jobId, streams: [], follow: true, start: FIRST_BYTE };
  return await printLog(context, request, { signal }) ??
    // The last message has the outcome unless the daemon breaks its contract.
    await context.client.waitJob({ jobId }, { signal });
}

/** Says what is missing before the next output. Offsets count both streams together. */
async function printGap({ io, settings }: Context, { from, to }: LogGap): Promise<void> {
  if (settings.json) await printLine(io.stdout, jsonLine({ gap: { from, to } }));
  else {
    await printLine(
      io.stderr,
      `worker-cli: ${
        to - from
      } bytes of output, from byte ${from} up to byte ${to}, are missing: ` +
        "they were dropped to keep the log within its limit",
    );
  }
}

/**
 * Joins adjacent records for the same output, so that the output of a job that writes single bytes
 * costs one write.
 */
function* runs(
  records: readonly LogRecord[],
  outputOf: (record: LogRecord) => Output,
  form: LogForm,
): Generator<[Output, Uint8Array]> {
  let output: Output | undefined;
  let parts: Uint8Array[] = [];
  for (const record of records) {
    const next = outputOf(record);
    if (output !== undefined && output !== next) {
      yield [output, Buffer.concat(parts)];
      parts = [];
    }
    output = next;
    parts.push(form(record));
  }
  if (output !== undefined) yield [output, Buffer.concat(parts)];
}
