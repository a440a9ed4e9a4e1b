import { failedPrecondition, JobWorkerError } from "../../errors.ts";
import { statusOf } from "../../job/types.ts";
import { changing } from "../changing.ts";
import type { Context } from "../context.ts";
import type { RestartVerb } from "../invocation.ts";
import { tell } from "../io.ts";
import { sameJob } from "../same_job.ts";
import type { Job } from "../job_client.ts";
import { resolveJobId } from "../job_id.ts";
import { outcomeText } from "../job_text.ts";
import { start } from "./start.ts";

/** Starts what a job has run once more, by the rules for any start, and prints the id of the new job. */
export async function restart(context: Context, verb: RestartVerb): Promise<number> {
  const { io, client } = context;
  const jobId = await resolveJobId(context, verb.jobId);
  const job = await client.getJob({ jobId }, { signal: io.interrupted });
  // Whoever cannot start it again does not stop it either.
  const again = sameJob(job);
  if (job.end === null) {
    if (!verb.stop) {
      throw failedPrecondition(
        `Cannot restart job "${jobId}": it is ${statusOf(job)}; to stop it first: ` +
          `worker-cli restart ${jobId} --stop`,
      );
    }
    await stopFirst(context, job);
  }
  return await start(context, { kind: "start", job: again });
}

async function stopFirst({ io, client }: Context, { jobId }: Job): Promise<void> {
  const request = { jobId, stopSignal: "", gracePeriodMs: null };
  try {
    const stopped = await changing(
      io,
      client.stopJob(request, { signal: io.interrupted }),
      `job ${jobId} may have been stopped, and was not started again`,
    );
    await tell(io, `Job ${jobId} ${outcomeText(stopped)}`);
  } catch (error) {
    // The job has ended by itself in the meantime.
    if (!(error instanceof JobWorkerError && error.code === "failed_precondition")) throw error;
  }
}
