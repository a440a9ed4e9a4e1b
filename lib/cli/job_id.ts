import { failedPrecondition, invalidArgument, JobWorkerError } from "../errors.ts";
import type { Context } from "./context.ts";
import { commandText } from "../job/job_words.ts";
import { outcomeText } from "./job_text.ts";
import { printable } from "../text/printable.ts";
import { quoted } from "../text/quoted.ts";
import { textWidthFor, truncate } from "./text_width.ts";

/** Ids begin with the time, so fewer characters would not distinguish jobs of one year. */
const MIN_LENGTH = 4;
const FULL_LENGTH = 36;
const MAX_CANDIDATES = 10;

/**
 * Finds the id of a job by the whole id or the beginning of it.
 *
 * @throws {JobWorkerError} `invalid_argument` for what cannot be the beginning of an id, `not_found` if no
 * id begins with it, `failed_precondition` if several do
 */
export async function resolveJobId({ client, io }: Context, typed: string): Promise<string> {
  const prefix = typed.toLowerCase();
  const length = prefix.length;
  if (!/^[0-9a-f-]+$/.test(prefix) || length < MIN_LENGTH || length > FULL_LENGTH) {
    throw invalidArgument(
      `${quoted(typed)} is neither a job id nor the beginning of one: use at least ` +
        `${MIN_LENGTH} of its characters, which are 0-9, a-f and hyphens`,
    );
  }
  if (length === FULL_LENGTH) return prefix;
  const request = { filter: { jobIdPrefix: prefix }, pageSize: MAX_CANDIDATES, pageToken: "" };
  const { jobs, nextPageToken } = await client.listJobs(request, { signal: io.interrupted });
  const [first, second] = jobs;
  if (first === undefined) {
    throw new JobWorkerError("not_found", `There is no job whose id begins with "${prefix}"`);
  }
  if (second === undefined && nextPageToken === "") return first.jobId;
  const commands = jobs.map(commandText);
  const textWidth = await textWidthFor(commands);
  const lines = jobs.map((job, index) => {
    const command = truncate(commands[index] ?? "", 40, textWidth);
    return `  ${printable(job.jobId)}  ${outcomeText(job)}  ${command}`;
  });
  if (nextPageToken !== "") lines.push("  and more");
  throw failedPrecondition(
    `The ids of several jobs begin with "${prefix}"; type more of it:\n${lines.join("\n")}`,
  );
}
