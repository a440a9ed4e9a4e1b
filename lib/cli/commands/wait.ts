import type { Context } from "../context.ts";
import { exitStatusOfToldJob } from "../exit_status.ts";
import type { WaitVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import { resolveJobId } from "../job_id.ts";
import { jobJson } from "../../job/job_json.ts";
import { outcomeText, unusualEndText } from "../job_text.ts";
import { jsonLine } from "../../text/printable.ts";
import { withProgress } from "../progress.ts";
import { untilEnd } from "../until_end.ts";

/** Waits until a job ends, and exits with its status. */
export async function wait(context: Context, verb: WaitVerb): Promise<number> {
  const { io, settings, client } = context;
  const jobId = await resolveJobId(context, verb.jobId);
  const job = await withProgress(
    io.stderr,
    () => `Waiting for job ${jobId} to end…`,
    untilEnd(io, jobId, client.waitJob({ jobId }, { signal: io.interrupted })),
  );
  if (settings.json) await printLine(io.stdout, jsonLine(jobJson(job)));
  else if (unusualEndText(job) === null) await tell(io, `Job ${jobId} ${outcomeText(job)}`);
  return exitStatusOfToldJob(io, job);
}
