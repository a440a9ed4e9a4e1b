/**
 * The columns of lists of jobs: for people on a terminal, and for programs in a pipe.
 *
 * @module
 */

import { invalidArgument } from "../errors.ts";
import { commandText, dateText, statusText, tookText } from "../job/job_words.ts";
import { statusOf } from "../job/types.ts";
import { formatByteSize } from "../text/byte_size.ts";
import { formatSpan } from "../text/duration.ts";
import { printable } from "../text/printable.ts";
import { quoted } from "../text/quoted.ts";
import type { Job } from "./job_client.ts";
import { exitText, labelsText } from "./job_text.ts";

/** When a list is shown, and how much of the end of its ids. */
export interface Shown {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly idLength: number;
}

interface Column {
  readonly heading: string;
  /** Printable; `-` for nothing. */
  readonly value: (job: Job, now: number) => string;
  /** The same for people, if they want to read something else. */
  readonly cell?: (job: Job, shown: Shown) => string;
}

const COLUMNS = {
  id: {
    heading: "JOB",
    value: ({ jobId }) => printable(jobId),
    cell: ({ jobId }, { idLength }) => printable(jobId.slice(-idLength)),
  },
  name: { heading: "NAME", value: ({ name }) => printable(name) || "-" },
  status: { heading: "STATUS", value: statusOf, cell: statusText },
  exit: { heading: "EXIT", value: exitText },
  reason: { heading: "REASON", value: ({ end }) => end?.reason ?? "-" },
  started: {
    heading: "STARTED",
    value: ({ startedAt }) => dateOf(startedAt),
    cell: ({ startedAt }, { now }) => agoOf(startedAt, now),
  },
  finished: {
    heading: "FINISHED",
    value: ({ end }) => dateOf(end?.finishedAt),
    cell: ({ end }, { now }) => agoOf(end?.finishedAt, now),
  },
  took: { heading: "TOOK", value: (job, now) => tookText(job, now) || "-" },
  owner: { heading: "OWNER", value: ({ owner }) => printable(owner) },
  host: { heading: "HOST", value: ({ host = "-" }) => printable(host), cell: hostText },
  pid: { heading: "PID", value: ({ pid }) => pid === 0 ? "-" : String(pid) },
  log: { heading: "LOG", value: ({ logBytes }) => formatByteSize(logBytes) },
  labels: { heading: "LABELS", value: ({ labels }) => labelsText(labels) || "-" },
  command: { heading: "COMMAND", value: commandText },
} as const satisfies Readonly<Record<string, Column>>;

export type ColumnName = keyof typeof COLUMNS;

export const COLUMN_NAMES = Object.keys(COLUMNS) as readonly ColumnName[];

/** What a line in a pipe has. Scripts rely on it: others may only come after these. */
export const PIPE_COLUMNS: readonly ColumnName[] = [
  ...["id", "status", "exit", "started", "finished", "owner", "command"] as const,
  // The same number of columns in every line: in a fleet a job that waits has no host yet.
  "host",
];

/** What people see who ask for nothing else: the columns that say something about these jobs. */
export function usualColumns(jobs: readonly Job[]): readonly ColumnName[] {
  const hasNames = jobs.some(({ name }) => name !== "");
  const hasHosts = jobs.some(({ host }) => host !== undefined);
  return [
    "id",
    ...hasNames ? ["name"] as const : [],
    ...["status", "exit", "started", "took"] as const,
    ...hasHosts ? ["host"] as const : [],
    ...["owner", "command"] as const,
  ];
}

/**
 * The names of columns, separated by commas.
 *
 * @throws {JobWorkerError} `invalid_argument`
 */
export function parseColumns(text: string): readonly ColumnName[] {
  return text.split(",").map((word) => {
    const name = COLUMN_NAMES.find((name) => name === word.trim().toLowerCase());
    if (name !== undefined) return name;
    throw invalidArgument(
      `${quoted(word)} is not a column: use ${COLUMN_NAMES.join(",")}, or wide, or json`,
    );
  });
}

export function headingOf(name: ColumnName): string {
  return COLUMNS[name].heading;
}

/** A job in a column for people. */
export function cellOf(name: ColumnName, job: Job, shown: Shown): string {
  const { value, cell }: Column = COLUMNS[name];
  return cell?.(job, shown) ?? value(job, shown.now);
}

/** A job as a line for programs. */
export function tabbedLine(names: readonly ColumnName[], job: Job, now: number): string {
  return names.map((name) => COLUMNS[name].value(job, now)).join("\t");
}

function dateOf(time: number | null | undefined): string {
  return time === null || time === undefined ? "-" : dateText(time);
}

function agoOf(time: number | null | undefined, now: number): string {
  return time === null || time === undefined ? "-" : `${formatSpan(now - time)} ago`;
}

/** The host of a job, and how long ago that was heard if it cannot be reached. */
function hostText({ host, asOf }: Job, { now }: Shown): string {
  if (host === undefined) return "-";
  return printable(host) + (asOf === undefined ? "" : ` (${formatSpan(now - asOf)} ago)`);
}
