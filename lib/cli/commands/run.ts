import { invalidArgument, JOB_LOST, JobWorkerError } from "../../errors.ts";
import { startJob } from "../changing.ts";
import type { Context } from "../context.ts";
import { exitStatusOfJob, exitStatusOfToldJob } from "../exit_status.ts";
import { printFailure } from "../failure.ts";
import type { RunVerb } from "../invocation.ts";
import { Interrupted, OutputClosed, printLine, tell, warn } from "../io.ts";
import { jobJson } from "../../job/job_json.ts";
import { queueText } from "../../job/job_words.ts";
import { type Job, statusOf } from "../../job/types.ts";
import { leftText } from "../job_text.ts";
import { jsonLine } from "../../text/printable.ts";
import { followLog } from "../print_log.ts";
import { sendInput } from "../send_input.ts";

/** How long the daemon may take to accept a stop while we are leaving. */
const LEAVING_TIMEOUT_MS = 2_000;

/**
 * Starts a job, prints its output live, and exits with its status.
 *
 * The first Ctrl-C asks the daemon to stop the job, and we keep printing its output. The second leaves
 * at once, while the daemon still stops the job. After a hang-up, or when nobody reads our output any
 * more, the job keeps running: what it does must not depend on a terminal or on `head`.
 *
 * With `--interactive` the job reads our standard input, and is stopped if it cannot have the rest of it.
 *
 * A job that is queued is waited for: what is said of a running job holds for it, too.
 *
 * With `--quiet` nothing is printed but what keeps us from telling how the job ends. Its output is not even read.
 */
export async function run(context: Context, { job, quiet = false }: RunVerb): Promise<number> {
  const { io, settings, client } = context;
  if (quiet && settings.json) throw invalidArgument("--quiet and --json cannot be used together");
  const signal = io.interruptedAgain;
  const started = await startJob(context, job);
  const { jobId } = started;
  const isQueued = statusOf(started) === "queued";

  let stopping: Promise<void> | undefined;
  const onInterrupted = () => {
    const { reason } = io.interrupted;
    if (reason instanceof Interrupted && reason.signal === "SIGHUP") return;
    stopping = stopJob(context, jobId);
  };
  const left = new AbortController();
  let sending: Promise<void> | undefined;
  try {
    if (!quiet) await tellStarted(context, started);
    if (io.interrupted.aborted) onInterrupted();
    io.interrupted.addEventListener("abort", onInterrupted, { once: true });
    if (job.execution?.hasInput) {
      const ready = isQueued || job.queue ? untilRunning : () => Promise.resolve();
      sending = passInputOn(context, jobId, AbortSignal.any([signal, left.signal]), ready);
    }
    const ended = quiet
      ? await client.waitJob({ jobId }, { signal })
      : await followLog(context, jobId, signal);
    await stopping;
    const saysAll = (ended.end?.exitStatus ?? null) !== null;
    return quiet && saysAll ? exitStatusOfJob(ended) : await exitStatusOfToldJob(io, ended);
  } catch (error) {
    const why = error instanceof OutputClosed
      ? "Nobody reads the output any more. "
      : error instanceof Interrupted
      ? `${error.message}. `
      : "";
    // Nobody could ever send it the rest of its input.
    if (why !== "" && sending !== undefined) {
      stopping ??= stopJob(context, jobId, AbortSignal.timeout(LEAVING_TIMEOUT_MS));
    }
    await stopping;
    const fate = stopping !== undefined
      ? "has been asked to stop"
      : isQueued
      ? "runs when its turn comes, or does already"
      : "keeps running";
    const isLost = error instanceof JobWorkerError && error.reason === JOB_LOST;
    if (!isLost) await warn(io, why + leftText(jobId, fate));
    throw error;
  } finally {
    left.abort();
    await sending;
    io.interrupted.removeEventListener("abort", onInterrupted);
  }
}

async function tellStarted({ io, settings }: Context, started: Job): Promise<void> {
  const { jobId } = started;
  const isQueued = statusOf(started) === "queued";
  if (settings.json) await printLine(io.stdout, jsonLine({ startedJob: jobJson(started) }));
  else if (!isQueued) await tell(io, `Job ${jobId}`);
  if (isQueued) await warn(io, `Job ${jobId} is queued: ${queueText(started)}`);
}

/**
 * Stops a job that cannot have the rest of its input: it must not take a part of it for the whole.
 */
async function passInputOn(
  context: Context,
  jobId: string,
  signal: AbortSignal,
  ready: typeof untilRunning,
): Promise<void> {
  try {
    await ready(context, jobId, signal);
    await sendInput(context, jobId, signal);
  } catch (error) {
    if (signal.aborted) return;
    await printFailure(context, error).catch(() => {});
    await stopJob(context, jobId);
  }
}

/** Waits until a job has left the queue: it takes no input before. */
async function untilRunning(
  { client }: Context,
  jobId: string,
  signal: AbortSignal,
): Promise<void> {
  for await (const job of client.watchJobs({ filter: { jobIdPrefix: jobId } }, { signal })) {
    if (statusOf(job) !== "queued") return;
  }
}

async function stopJob(
  context: Context,
  jobId: string,
  signal: AbortSignal = context.io.interruptedAgain,
): Promise<void> {
  const { io, client } = context;
  try {
    await tell(io, "Stopping the job; press Ctrl-C again to leave without waiting for it to end");
    const request = { jobId, stopSignal: "", gracePeriodMs: null };
    await client.stopJob(request, { signal });
  } catch (error) {
    if (signal.aborted) return;
    // The job has ended by itself in the meantime.
    if (error instanceof JobWorkerError && error.code === "failed_precondition") return;
    // We still follow the log, even if nobody reads the error.
    await printFailure(context, error).catch(() => {});
  }
}
