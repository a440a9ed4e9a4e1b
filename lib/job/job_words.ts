/**
 * Jobs in words, the same for the CLI and the page.
 *
 * @module
 */

import { formatSpan, formatTook } from "../text/duration.ts";
import { shellWords } from "../text/printable.ts";
import { redactUrl } from "./notification.ts";
import { type Job, type JobEnd, type JobReason, statusOf, type Unknown } from "./types.ts";

/** Milliseconds since the Unix epoch as RFC 3339, in UTC. */
export function dateText(time: number): string {
  return new Date(time).toISOString();
}

/** The command as it would be typed into a shell. */
export function commandText({ command }: Job): string {
  return shellWords([command.name, ...command.args]);
}

/**
 * How long a job ran, or has run until `now`; for a lost job, how long it is known to have run. `""` for one that
 * has not run.
 */
export function tookText(job: Job, now: number): string {
  const { startedAt, end } = job;
  if (startedAt === null) return "";
  const span = end === null ? formatSpan(now - startedAt) : formatTook(end.finishedAt - startedAt);
  return isLost(job) ? `at least ${span}` : span;
}

/** Why a job ended, where that says more than its exit status. */
const REASONS: Readonly<Record<JobReason | Unknown, string>> = {
  exited: "",
  signaled: "",
  stopped: "stopped by a user",
  timeout: "out of time",
  log_limit: "reached the limit of its log",
  shutdown: "the daemon was shut down",
  lost: "lost, because the executor died while the job was running; nobody knows how it ended",
  start_failed: "could not be started when its turn came",
  unknown: "for a reason that this version does not know",
};

/** The status of a job, with its place while it waits: `"queued #3"`. */
export function statusText(job: Job): string {
  const status = statusOf(job);
  const { position = 0 } = job.queue ?? {};
  return status === "queued" && position > 0 ? `${status} #${position}` : status;
}

/** Where a queued job stands, and what it waits for: `"3rd of 7, since …"`; `""` if it is not queued. */
export function queueText({ liveStatus, end, queue }: Job): string {
  if (end !== null || liveStatus !== "queued") return "";
  if (queue === null) return "its turn has come";
  const { position, length, reason } = queue;
  if (position === 0) return `its turn has come: ${reason}`;
  return `${position}${ordinalSuffix(position)} of ${length}, since ${reason}`;
}

function ordinalSuffix(n: number): string {
  const suffixes = { one: "st", two: "nd", few: "rd", other: "th", zero: "th", many: "th" };
  return suffixes[new Intl.PluralRules("en", { type: "ordinal" }).select(n)];
}

/** Which webhook is told of a job, and what has come of that: `"https://hooks.example/***: pending"`; or `""`. */
export function webhookText({ notify }: Job): string {
  return notify === undefined ? "" : `${redactUrl(notify.url)}: ${notify.state}`;
}

/** How a job ended: why, and with which exit status. */
export function endWords({ reason, exitStatus, detail, ...more }: JobEnd): string[] {
  // They are shown beside these words; another field does not compile.
  null as unknown as keyof typeof more satisfies "status" | "finishedAt";
  // How a host has lost a job, only the detail says: its executor may be well.
  const words = [reason === "lost" && detail !== undefined ? "lost" : REASONS[reason]];
  if (exitStatus !== null) {
    words.push(
      "code" in exitStatus ? `exit code ${exitStatus.code}` : `killed by ${exitStatus.signal}`,
    );
  }
  return words.filter((text) => text !== "");
}

/** Whether nobody knows how the job ended. */
export function isLost({ end }: Job): boolean {
  return end?.reason === "lost";
}
