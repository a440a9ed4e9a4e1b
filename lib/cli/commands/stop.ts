import { formatDuration } from "../../text/duration.ts";
import { changing } from "../changing.ts";
import type { Context } from "../context.ts";
import type { StopVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import { resolveJobId } from "../job_id.ts";
import { jobJson } from "../../job/job_json.ts";
import { outcomeText } from "../job_text.ts";
import { jsonLine } from "../../text/printable.ts";
import { withProgress } from "../progress.ts";

/** Stops a job and everything that it has started, and waits until all of it has ended. */
export async function stop(context: Context, verb: StopVerb): Promise<number> {
  const { io, settings, client } = context;
  const { stopSignal, gracePeriodMs } = verb;
  const jobId = await resolveJobId(context, verb.jobId);
  const job = await withProgress(
    io.stderr,
    (elapsedMs) => progressText(gracePeriodMs === null ? null : gracePeriodMs - elapsedMs),
    changing(
      io,
      client.stopJob({ jobId, stopSignal, gracePeriodMs }, { signal: io.interrupted }),
      `job ${jobId} may still be stopping, or may not have been asked to stop: worker-cli status ${jobId}`,
    ),
  );
  if (settings.json) await printLine(io.stdout, jsonLine(jobJson(job)));
  else await tell(io, `Job ${jobId} ${outcomeText(job)}`);
  return 0;
}

/**
 * @param leftMs the rest of the grace period; `null` if it is that of the job, which we do not know
 */
function progressText(leftMs: number | null): string {
  if (leftMs === null) return "Stopping…";
  const seconds = Math.ceil(leftMs / 1_000);
  return seconds > 0
    ? `Stopping… (SIGKILL in ${formatDuration(seconds * 1_000)})`
    : "Stopping… (SIGKILL sent)";
}
