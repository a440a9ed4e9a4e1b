import { formatDuration } from "../../text/duration.ts";
import { changing } from "../changing.ts";
import type { Context } from "../context.ts";
import type { UpdateVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import { resolveJobId } from "../job_id.ts";
import { jobJson } from "../../job/job_json.ts";
import { jsonLine } from "../../text/printable.ts";

/** Changes how long a running job may run. */
export async function update(context: Context, verb: UpdateVerb): Promise<number> {
  const { io, settings, client } = context;
  const { timeoutMs } = verb;
  const jobId = await resolveJobId(context, verb.jobId);
  const job = await changing(
    io,
    client.updateJob({ jobId, timeoutMs }, { signal: io.interrupted }),
    `how long job ${jobId} may run may have been changed: worker-cli status ${jobId}`,
  );
  if (settings.json) await printLine(io.stdout, jsonLine(jobJson(job)));
  else {
    const limit = timeoutMs === 0 ? "for ever" : `${formatDuration(timeoutMs)} from its start`;
    await tell(io, `Job ${jobId} may run ${limit}`);
  }
  return 0;
}
