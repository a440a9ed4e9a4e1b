import type { Context } from "../context.ts";
import { exitStatusOfToldJob } from "../exit_status.ts";
import type { OutputVerb } from "../invocation.ts";
import { resolveJobId } from "../job_id.ts";
import { untilEnd } from "../until_end.ts";
import { followLog } from "../print_log.ts";

/**
 * Prints all output of a job, from its first byte until it ends, and exits with its status. If the user
 * leaves earlier, the job keeps running, and standard error says so because there is no status of it.
 */
export async function output(context: Context, verb: OutputVerb): Promise<number> {
  const { io } = context;
  const jobId = await resolveJobId(context, verb.jobId);
  const ended = await untilEnd(io, jobId, followLog(context, jobId));
  return exitStatusOfToldJob(io, ended);
}
