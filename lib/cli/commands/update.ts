import { formatDuration } from "../../text/duration.ts";
import { changing } from "../changing.ts";
import type { Context } from "../context.ts";
import type { UpdateVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import { resolveJobId } from "../job_id.ts";
import { jobJson } from "../../job/job_json.ts";
import { jsonLine } from "../../text/printable.ts";

/** Changes the time limit of a running or queued job. */
export async function update(context: Context, verb: UpdateVerb): Promise<number> {
  const { io, settings, client } = context;
  const { timeoutMs } = verb;
  const jobId = await resolveJobId(context, verb.jobId);
  const job = await changing(
    io,
    client.updateJob({ jobId, timeoutMs }, { signal: io.interrupted }),
    `the time limit of job ${jobId} may have been changed: worker-cli status ${jobId}`,
  );
  if (settings.json) await printLine(io.stdout, jsonLine(jobJson(job)));
  else {
    await tell(
      io,
      timeoutMs === 0
        ? `Job ${jobId} now has no time limit`
        : `Job ${jobId} may now run for ${formatDuration(timeoutMs)}, counted from its start`,
    );
  }
  return 0;
}
