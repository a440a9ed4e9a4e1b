import type { Context } from "../context.ts";
import type { StartVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import { jobJson } from "../job_text.ts";
import { jsonLine } from "../../printable.ts";

/** Starts a job and prints its id, alone on a line: `id=$(worker-cli start -- make)`. */
export async function start(
  { io, settings, client }: Context,
  { job }: StartVerb,
): Promise<number> {
  const started = await client.startJob(job, { signal: io.interrupted });
  await printLine(io.stdout, settings.json ? jsonLine(jobJson(started)) : started.jobId);
  await tell(io, `Started; its output: worker-cli logs all ${started.jobId} --follow`);
  return 0;
}
