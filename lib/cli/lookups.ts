/**
 * What completions look up in the daemon.
 *
 * @module
 */

import { commandText } from "../job/job_words.ts";
import { type Job, LIVE_STATUSES } from "../job/types.ts";
import type { Candidate } from "./completion_values.ts";
import type { JobClient, JobFilter } from "./job_client.ts";
import { outcomeText } from "./job_text.ts";
import { shortLength } from "./short_ids.ts";
import { textWidthFor, truncate } from "./text_width.ts";

/** What a lookup asks, and until when. */
export interface Lookup {
  readonly client: JobClient;
  readonly signal: AbortSignal;
}

/** The page that is asked for: the newest jobs. */
const PAGE = { pageSize: 50, pageToken: "" };

/**
 * What jobs may be named by: the names of one's own, the ends of ids as lists show them, and the whole ids that begin
 * with what is typed.
 */
export async function jobWords(
  { client, signal }: Lookup,
  { live, wholeIds = false, prefix }: {
    readonly live: boolean;
    readonly wholeIds?: boolean;
    readonly prefix: string;
  },
): Promise<readonly Candidate[]> {
  const filter = live ? { statuses: LIVE_STATUSES } : {};
  const list = async (asked: { readonly filter?: JobFilter; readonly own?: boolean }) =>
    (await client.listJobs({ filter, ...PAGE, ...asked }, { signal })).jobs;
  const nobody = Promise.resolve([]);
  const mayBeId = /^[0-9a-f-]*$/.test(prefix) && (wholeIds || prefix !== "");
  const [own, newest, begun] = await Promise.all([
    wholeIds ? nobody : list({ own: true }),
    wholeIds ? nobody : list({}),
    mayBeId ? list({ filter: { ...filter, jobIdPrefix: prefix } }) : nobody,
  ]);
  const named = own.filter(({ name }) => name !== "");
  // The newest of each name, which is the one that the name stands for.
  const names = new Map(named.toReversed().map((job) => [job.name, job])).entries();
  const length = shortLength(newest.map(({ jobId }) => jobId));
  const found = [
    ...names,
    ...newest.map((job) => [job.jobId.slice(-length), job] as const),
    ...begun.map((job) => [job.jobId, job] as const),
  ];
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

/**
 * What no shell takes for anything but itself. Other users choose these words, and bash puts what it completes on the
 * line as it is: `$(…)` would run there.
 */
const PLAIN = /^[\p{L}\p{N}_@%+=:,./-]+$/u;

/** Each once, of those that can be typed as they are. */
function distinct(values: readonly string[]): Candidate[] {
  const typed = values.filter((value) => PLAIN.test(value));
  return [...new Set(typed)].map((value) => ({ value, about: "" }));
}
