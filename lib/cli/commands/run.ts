import { JobWorkerError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { exitStatusOfJob } from "../exit_status.ts";
import { printFailure } from "../failure.ts";
import type { RunVerb } from "../invocation.ts";
import { OutputClosed, printLine, tell } from "../io.ts";
import { jobJson } from "../job_text.ts";
import { jsonLine } from "../../printable.ts";
import { followLog } from "../print_log.ts";
import { sendInput } from "../send_input.ts";

/**
 * Starts a job, prints its output live, and exits with its status.
 *
 * The first Ctrl-C asks the daemon to stop the job, and what the job still prints is shown. The
 * second leaves at once; the job goes on being stopped.
 *
 * With `--interactive` it reads our standard input.
 */
export async function run(context: Context, { job }: RunVerb): Promise<number> {
  const { io, settings, client } = context;
  // To leave in the middle of the start would leave a job that nobody knows of, hence "again".
  const signal = io.interruptedAgain;
  const started = await client.startJob(job, { signal });
  const { jobId } = started;
  if (settings.json) await printLine(io.stdout, jsonLine({ startedJob: jobJson(started) }));
  else await tell(io, `Job ${jobId}`);

  let stopping: Promise<void> | undefined;
  const onInterrupted = () => {
    stopping = stopJob(context, jobId);
  };
  if (io.interrupted.aborted) onInterrupted();
  io.interrupted.addEventListener("abort", onInterrupted, { once: true });
  const left = new AbortController();
  const sending = job.execution?.hasInput
    ? passInputOn(context, jobId, AbortSignal.any([signal, left.signal]))
    : undefined;
  try {
    const ended = await followLog(context, jobId, signal);
    await stopping;
    return await exitStatusOfJob(io, ended);
  } catch (error) {
    if (error instanceof OutputClosed) {
      // Nobody would ever go on with its input.
      if (sending !== undefined) await stopJob(context, jobId);
    } else {
      const fate = io.interrupted.aborted ? "was asked to stop" : "goes on";
      await printLine(io.stderr, `worker-cli: Left job ${jobId}, which ${fate}`);
    }
    throw error;
  } finally {
    left.abort();
    await sending;
    io.interrupted.removeEventListener("abort", onInterrupted);
  }
}

/** A job that cannot have the rest of its input is stopped: it must not take a part for the whole. */
async function passInputOn(context: Context, jobId: string, signal: AbortSignal): Promise<void> {
  try {
    await sendInput(context, jobId, signal);
  } catch (error) {
    if (signal.aborted) return;
    await printFailure(context, error).catch(() => {});
    await stopJob(context, jobId);
  }
}

async function stopJob(context: Context, jobId: string): Promise<void> {
  const { io, client } = context;
  try {
    await tell(io, "Stopping the job; Ctrl-C again to leave without waiting for its end");
    const request = { jobId, stopSignal: "", gracePeriodMs: null };
    await client.stopJob(request, { signal: io.interruptedAgain });
  } catch (error) {
    if (io.interruptedAgain.aborted) return;
    // It ended by itself in the meantime.
    if (error instanceof JobWorkerError && error.code === "failed_precondition") return;
    // The log is still followed: that nobody reads the complaint must not end it.
    await printFailure(context, error).catch(() => {});
  }
}
