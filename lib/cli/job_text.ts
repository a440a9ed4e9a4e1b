/**
 * A job as text for people.
 *
 * @module
 */

import { formatByteSize } from "../text/byte_size.ts";
import { formatDuration } from "../text/duration.ts";
import {
  commandText,
  dateText,
  endWords,
  isLost,
  queueText,
  tookText,
  webhookText,
} from "../job/job_words.ts";
import { logPolicyText } from "../job/log_limit.ts";
import type {
  Containment,
  Execution,
  HostSelector,
  Job,
  JobReason,
  JobUsage,
  Unknown,
} from "./job_client.ts";
import { printable } from "../text/printable.ts";

/** The exit code or the name of the signal; `-` while the job runs, and if it is unknown. */
export function exitText(job: Job): string {
  const exitStatus = job.end?.exitStatus ?? null;
  if (exitStatus === null) return "-";
  return "code" in exitStatus ? String(exitStatus.code) : printable(exitStatus.signal);
}

/** The status of a job, and how it ended: `failed: exit code 3`. */
export function outcomeText(job: Job): string {
  if (job.end === null) return job.liveStatus;
  return `${job.end.status}: ${printable(endWords(job.end).join(", "))}`;
}

/**
 * How a job ended, to go with its exit status; `null` if it simply exited, so that the status says
 * it all.
 */
export function unusualEndText(job: Job): string | null {
  if (job.end === null) return null;
  const { reason, detail } = job.end;
  if (reason === "exited" && detail === undefined) return null;
  const because = detail === undefined ? "" : `; ${printable(detail)}`;
  return `Job ${printable(job.jobId)} ${outcomeText(job)}${because}`;
}

/** Says that we have left a job, and how to get back to it. */
export function leftText(jobId: string, fate = "keeps running"): string {
  const id = printable(jobId);
  return `Left job ${id}, which ${fate}; to see its output: worker-cli logs all ${id} --follow; ` +
    `to stop it: worker-cli stop ${id}`;
}

/** Fields that are part of the texts of the outcome, the limits and the command. */
type InText = "liveStatus" | "queue" | "timeoutMs" | "gracePeriodMs" | "limits" | "name" | "args";

/** Fields that nobody asks for. */
type NotShown = "requestId" | "hasInput";

/** All details of a job that people ask for, as pairs of a name and printable text. */
export function jobDetails(job: Job, now: number): [name: string, text: string][] {
  const { jobId, command, pid, owner, labels, startedAt, stdoutBytes, stderrBytes, ...more } = job;
  const { execution, containment, usage, logLimit, logBytes, outputTruncated, end, ...others } =
    more;
  const { name, queuedAt, host = "", on, asOf, notify: _, ...rest } = others;
  const { user, umask, nice, ...limits } = execution;
  const { env, workingDirectory, ...program } = command;
  // A field that is neither shown nor named by these types does not compile.
  null as unknown as keyof (typeof rest & typeof limits & typeof program) satisfies
    | InText
    | NotShown;
  const truncated = outputTruncated ? `; ${truncationText(job)}` : "";
  const details: [string, string][] = [
    ["Job", printable(jobId)],
    ["Name", printable(name)],
    ["Command", commandText(job)],
    ["Directory", printable(workingDirectory)],
    // Only the names: values are often secrets, and others may look at the terminal.
    ["Variables", Object.keys(env).map(printable).join(", ")],
    ["Status", outcomeText(job)],
    ["Detail", printable(end?.detail ?? "")],
    ["Place", printable(queueText(job))],
    ["Host", printable(host)],
    ["For", on === undefined ? "" : selectorText(on)],
    ["As of", asOf === undefined ? "" : `${dateText(asOf)}: its host cannot be reached`],
    ["Owner", printable(owner)],
    ["User", printable(user)],
    ["Process", pid === 0 ? "" : String(pid)],
    // One that has not run is held by nothing.
    ["Held by", startedAt === null ? "" : CONTAINMENTS[containment]],
    ["Limits", limitsText(limits)],
    ["Umask", printable(umask)],
    ["Nice", nice === 0 ? "" : String(nice)],
    ["Queued", queuedAt === null ? "" : dateText(queuedAt)],
    ["Started", startedAt === null ? "" : dateText(startedAt)],
    [isLost(job) ? "Last seen" : "Finished", end === null ? "" : dateText(end.finishedAt)],
    ["Took", tookText(job, now)],
    ["Used", usage === null ? "" : usageText(usage)],
    ["Output", `${stdoutBytes} bytes on stdout, ${stderrBytes} on stderr${truncated}`],
    ["Log", logText(logBytes, logLimit)],
    ["Labels", labelsText(labels)],
    ["Webhook", printable(webhookText(job))],
  ];
  return details.filter(([, text]) => text !== "");
}

const CONTAINMENTS: Readonly<Record<Containment | Unknown, string>> = {
  cgroup: "cgroup: stopping the job ends everything that it has started",
  process_group: "process group: stopping the job misses processes that have left its session",
  unknown: "something that this version does not know",
};

function limitsText(
  { timeoutMs, gracePeriodMs, limits }: Pick<Execution, "timeoutMs" | "gracePeriodMs" | "limits">,
): string {
  const { memoryBytes, cpus, processes, ...rest } = limits;
  rest satisfies Record<string, never>;
  return listText([
    timeoutMs === 0 ? "" : `timeout of ${formatDuration(timeoutMs)}`,
    memoryBytes === undefined ? "" : `${formatByteSize(memoryBytes)} of memory`,
    cpus === undefined ? "" : `CPUs: ${cpus}`,
    processes === undefined ? "" : `processes: ${processes}`,
    `grace period of ${formatDuration(gracePeriodMs)}`,
  ]);
}

function usageText({ cpuMs, peakMemoryBytes, oomKills, ...rest }: JobUsage): string {
  rest satisfies Record<string, never>;
  return listText([
    cpuMs === null ? "" : `${formatDuration(cpuMs)} of CPU time`,
    peakMemoryBytes === null ? "" : `at most ${formatByteSize(peakMemoryBytes)} of memory`,
    oomKills ? `out-of-memory kills: ${oomKills}` : "",
  ]);
}

function logText(logBytes: number, { bytes, policy, ...rest }: Job["logLimit"]): string {
  rest satisfies Record<string, never>;
  return `${formatByteSize(logBytes)} of ${formatByteSize(bytes)}, ${logPolicyText(policy)}`;
}

function listText(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}

/** Why some of the output may be missing. */
const STILL_HELD = "a process that had left the job may have printed more";

/** What may be missing at the end of an output that is truncated. */
const TRUNCATIONS: Readonly<Record<JobReason | Unknown, string>> = {
  exited: STILL_HELD,
  signaled: STILL_HELD,
  stopped: STILL_HELD,
  timeout: STILL_HELD,
  log_limit: "its later output was discarded",
  shutdown: STILL_HELD,
  lost: "its last output may not have reached the disk",
  start_failed: "it has not run",
  unknown: STILL_HELD,
};

function truncationText(job: Job): string {
  return job.end === null ? "" : TRUNCATIONS[job.end.reason];
}

/** The hosts that a job was for; `""` if for any. */
function selectorText({ host, labels }: HostSelector): string {
  return listText([printable(host), labelsText(labels)]);
}

/** `team=red, nightly=` */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([name, value]) => printable(`${name}=${value}`)).join(", ");
}
