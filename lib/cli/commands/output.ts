import type { Context } from "../context.ts";
import { exitStatusOfJob } from "../exit_status.ts";
import type { OutputVerb } from "../invocation.ts";
import { resolveJobId } from "../job_id.ts";
import { followLog } from "../print_log.ts";

/** Prints all that a job prints, from its first byte until it ends, and exits with its status. */
export async function output(context: Context, verb: OutputVerb): Promise<number> {
  const jobId = await resolveJobId(context, verb.jobId);
  return exitStatusOfJob(context.io, await followLog(context, jobId));
}
