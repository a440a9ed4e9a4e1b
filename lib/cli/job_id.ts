import { failedPrecondition, invalidArgument, JobWorkerError } from "../errors.ts";
import type { Context } from "./context.ts";
import { commandText } from "../job/job_words.ts";
import { outcomeText } from "./job_text.ts";
import { printable } from "../text/printable.ts";
import { quoted } from "../text/quoted.ts";
import { truncate } from "./text_width.ts";

/** Ids begin with the time, so fewer characters than this would not tell jobs of one year apart. */
const SHORTEST = 4;
const WHOLE = 36;
const CANDIDATES = 10;

/**
 * The id of the job that was meant by an id or by the beginning of one.
 *
 * @throws {JobWorkerError} `invalid_argument` for what cannot be one, `not_found` if no job's id
 *   begins so, `failed_precondition` if several do.
 */
export async function resolveJobId({ client, io }: Context, typed: string): Promise<string> {
  const prefix = typed.toLowerCase();
  const length = prefix.length;
  if (!/^[0-9a-f-]+$/.test(prefix) || length < SHORTEST || length > WHOLE) {
    throw invalidArgument(
      `Job id ${quoted(typed)} is neither an id nor the beginning of ` +
        `one: ${SHORTEST} or more of its characters, 0-9, a-f and hyphens`,
    );
  }
  if (length === WHOLE) return prefix;
  const request = { filter: { jobIdPrefix: prefix }, pageSize: CANDIDATES, pageToken: "" };
  const { jobs, nextPageToken } = await client.listJobs(request, { signal: io.interrupted });
  const [first, second] = jobs;
  if (first === undefined) {
    throw new JobWorkerError("not_found", `No job has an id that begins with "${prefix}"`);
  }
  if (second === undefined && nextPageToken === "") return first.jobId;
  const lines = jobs.map((job) => {
    const command = truncate(commandText(job), 40);
    return `  ${printable(job.jobId)}  ${outcomeText(job)}  ${command}`;
  });
  if (nextPageToken !== "") lines.push("  and more");
  throw failedPrecondition(
    `Several jobs have an id that begins with "${prefix}"; write more of it:\n${lines.join("\n")}`,
  );
}
