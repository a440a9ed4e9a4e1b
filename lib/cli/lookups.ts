/**
 * What completions look up in the daemon.
 *
 * @module
 */

import { commandText } from "../job/job_words.ts";
import { type Job, LIVE_STATUSES } from "../job/types.ts";
import { printable } from "../text/printable.ts";
import type { Candidate } from "./completion_values.ts";
import type { JobClient } from "./job_client.ts";
import { outcomeText } from "./job_text.ts";
import { textWidthFor, truncate } from "./text_width.ts";

/** What a lookup asks, and until when. */
export interface Lookup {
  readonly client: JobClient;
  readonly signal: AbortSignal;
}

/** The page that is asked for: the newest jobs. */
const PAGE = { pageSize: 50, pageToken: "" };

/** The names of one's own jobs, and the ids that begin so. */
export async function jobWords(
  { client, signal }: Lookup,
  { live, prefix }: { readonly live: boolean; readonly prefix: string },
): Promise<readonly Candidate[]> {
  const filter = live ? { statuses: LIVE_STATUSES } : {};
  const mayBeId = /^[0-9a-f-]*$/.test(prefix);
  const [own, begun] = await Promise.all([
    client.listJobs({ filter, own: true, ...PAGE }, { signal }),
    mayBeId
      ? client.listJobs({ filter: { ...filter, jobIdPrefix: prefix }, ...PAGE }, { signal })
      : { jobs: [] },
  ]);
  const named = own.jobs.filter(({ name }) => name !== "");
  // The newest of each name, which is the one that the name stands for.
  const names = new Map(named.toReversed().map((job) => [job.name, job])).entries();
  const found = [...names, ...begun.jobs.map((job) => [job.jobId, job] as const)];
  const commands = found.map(([, job]) => commandText(job));
  const textWidth = await textWidthFor(commands);
  return found.map(([value, job], index) => ({
    value,
    about: `${outcomeText(job)}: ${truncate(commands[index] ?? "", 40, textWidth)}`,
  }));
}

/** What each kind of word is, of a job. */
const WORDS_OF_JOB = {
  labels: ({ labels }: Job) => pairs(labels),
  owners: ({ owner }: Job) => [owner],
  names: ({ name }: Job) => name === "" ? [] : [name],
} as const;

/** The labels, owners or names of the newest jobs. */
export async function wordsOfJobs(
  { client, signal }: Lookup,
  kind: keyof typeof WORDS_OF_JOB,
): Promise<readonly Candidate[]> {
  const { jobs } = await client.listJobs({ filter: {}, ...PAGE }, { signal });
  return distinct(jobs.flatMap(WORDS_OF_JOB[kind]));
}

/** The hosts of a fleet, and for a selector their labels. */
export async function wordsOfHosts(
  { client, signal }: Lookup,
  kind: "hosts" | "selectors",
): Promise<readonly Candidate[]> {
  const { hosts } = await client.listHosts({}, { signal });
  const names = hosts.map(({ name, state }) => ({ value: name, about: state }));
  const labels = kind === "hosts" ? [] : hosts.flatMap(({ labels }) => pairs(labels));
  return [...names, ...distinct(labels)];
}

function pairs(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

/** Each once, of those that can be typed as they are. */
function distinct(values: readonly string[]): Candidate[] {
  const typed = values.filter((value) => printable(value) === value && !/\s/.test(value));
  return [...new Set(typed)].map((value) => ({ value, about: "" }));
}
