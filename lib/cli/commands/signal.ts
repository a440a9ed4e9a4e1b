import { changing } from "../changing.ts";
import type { Context } from "../context.ts";
import type { SignalVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import { resolveJobId } from "../job_id.ts";
import { jobJson } from "../../job/job_json.ts";
import { jsonLine } from "../../text/printable.ts";

/** Sends a signal to every process of a job. */
export async function signal(context: Context, verb: SignalVerb): Promise<number> {
  const { io, settings, client } = context;
  const jobId = await resolveJobId(context, verb.jobId);
  const job = await changing(
    io,
    client.signalJob({ jobId, signal: verb.signal }, { signal: io.interrupted }),
    `job ${jobId} may have been sent ${verb.signal}`,
  );
  if (settings.json) await printLine(io.stdout, jsonLine(jobJson(job)));
  else await tell(io, `Sent ${verb.signal} to job ${jobId}`);
  return 0;
}
