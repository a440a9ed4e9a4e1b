import { paintFor } from "../color.ts";
import type { Context } from "../context.ts";
import type { StatusVerb } from "../invocation.ts";
import { printLine } from "../io.ts";
import { resolveJobId } from "../job_id.ts";
import { jobJson } from "../../job/job_json.ts";
import { statusOf } from "../../job/types.ts";
import { jobDetails } from "../job_text.ts";
import { jsonLine } from "../../text/printable.ts";
import { table } from "../table.ts";

/** Shows everything about a job. */
export async function status(context: Context, verb: StatusVerb): Promise<number> {
  const { io, settings, client } = context;
  const jobId = await resolveJobId(context, verb.jobId);
  const job = await client.getJob({ jobId }, { signal: io.interrupted });
  if (settings.json) {
    await printLine(io.stdout, jsonLine(jobJson(job)));
    return 0;
  }
  const details = jobDetails(job, Date.now());
  const paint = paintFor(io.stdout, settings);
  const lines = await table(details.map(([name, text]) => [`${name}:`, text]), {
    columns: Infinity,
    paint: (text, row, column) =>
      column === 1 && details[row]?.[0] === "Status" ? paint(text, statusOf(job)) : text,
  });
  await printLine(io.stdout, lines.join("\n"));
  return 0;
}
