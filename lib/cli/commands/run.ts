import { JobWorkerError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { exitStatusOfJob } from "../exit_status.ts";
import { printFailure } from "../failure.ts";
import type { RunVerb } from "../invocation.ts";
import { OutputClosed, printLine, tell } from "../io.ts";
import { jobJson } from "../job_text.ts";
import { jsonLine } from "../printable.ts";
import { followLog } from "../print_log.ts";

/**
 * Starts a job, prints its output live, and exits with its status.
 *
 * The first Ctrl-C asks the daemon to stop the job, and what the job still prints is shown. The
 * second leaves at once; the job goes on being stopped.
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
  try {
    const ended = await followLog(context, jobId, signal);
    await stopping;
    return await exitStatusOfJob(io, ended);
  } catch (error) {
    if (!(error instanceof OutputClosed)) {
      const fate = io.interrupted.aborted ? "was asked to stop" : "goes on";
      await printLine(io.stderr, `worker-cli: Left job ${jobId}, which ${fate}`);
    }
    throw error;
  } finally {
    io.interrupted.removeEventListener("abort", onInterrupted);
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
