import { messageOf } from "../../errors.ts";
import type { Context } from "../context.ts";
import type { StartVerb } from "../invocation.ts";
import { startJob } from "../changing.ts";
import { OutputClosed, printLine, tell, warn } from "../io.ts";
import { jobJson } from "../../job/job_json.ts";
import { queueText } from "../../job/job_words.ts";
import { statusOf } from "../../job/types.ts";
import { leftText } from "../job_text.ts";
import { jsonLine } from "../../text/printable.ts";

/**
 * Starts a job and prints its id, alone on a line: `id=$(worker-cli start -- make)`. If nobody reads
 * that, standard error has the id.
 */
export async function start(context: Context, { job }: StartVerb): Promise<number> {
  const { io, settings } = context;
  const started = await startJob(context, job);
  const isQueued = statusOf(started) === "queued";
  try {
    await printLine(io.stdout, settings.json ? jsonLine(jobJson(started)) : started.jobId);
    io.interrupted.throwIfAborted();
  } catch (error) {
    const why = error instanceof OutputClosed ? "Nobody reads the id of the job" : messageOf(error);
    await warn(io, `${why}. ${leftText(started.jobId, isQueued ? "is queued" : "keeps running")}`);
    throw error;
  }
  const how = isQueued ? `Queued: ${queueText(started)}` : "Started";
  await tell(io, `${how}; to see its output: worker-cli logs all ${started.jobId} --follow`);
  return 0;
}
