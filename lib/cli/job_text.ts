/**
 * A job as text for people.
 *
 * @module
 */

import { formatByteSize } from "../text/byte_size.ts";
import { formatDuration } from "../text/duration.ts";
import { commandText, dateText, isLost, tookText } from "../job/job_words.ts";
import { logPolicyText } from "../job/log_limit.ts";
import type { Containment, Execution, Job, JobReason, JobUsage, Unknown } from "./job_client.ts";
import { printable } from "../text/printable.ts";

/** The exit code or the name of the signal; `-` while the job runs, and if it is unknown. */
export function exitText(job: Job): string {
  const exitStatus = job.end?.exitStatus ?? null;
  if (exitStatus === null) return "-";
  return "code" in exitStatus ? String(exitStatus.code) : printable(exitStatus.signal);
}

const REASONS: Readonly<Record<JobReason | Unknown, string>> = {
  exited: "",
  signaled: "",
  stopped: "stopped by a user",
  timeout: "out of time",
  log_limit: "reached the limit of its log",
  shutdown: "the daemon was shut down",
  lost: "lost, because the executor died while the job was running; nobody knows how it ended",
  unknown: "for a reason that this version does not know",
};

/** The status of a job, and how it ended: `failed: exit code 3`. */
export function outcomeText(job: Job): string {
  if (job.end === null) return job.liveStatus;
  const { status, reason, exitStatus, ...more } = job.end;
  // The two that `jobDetails()` shows beside this text; another one does not compile.
  null as unknown as keyof typeof more satisfies "finishedAt" | "detail";
  const parts = [REASONS[reason]];
  if (exitStatus !== null) {
    parts.push("code" in exitStatus ? `exit code ${exitText(job)}` : `killed by ${exitText(job)}`);
  }
  return `${status}: ${parts.filter((part) => part !== "").join(", ")}`;
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
type InText = "liveStatus" | "timeoutMs" | "gracePeriodMs" | "limits" | "name" | "args";

/** Fields that nobody asks for. */
type NotShown = "requestId" | "hasInput";

/** All details of a job that people ask for, as pairs of a name and printable text. */
export function jobDetails(job: Job, now: number): [name: string, text: string][] {
  const { jobId, command, pid, owner, labels, startedAt, stdoutBytes, stderrBytes, ...more } = job;
  const { execution, containment, usage, logLimit, logBytes, outputTruncated, end, ...rest } = more;
  const { user, umask, nice, ...limits } = execution;
  const { env, workingDirectory, ...program } = command;
  // A field that is neither shown nor named by these types does not compile.
  null as unknown as keyof (typeof rest & typeof limits & typeof program) satisfies
    | InText
    | NotShown;
  const truncated = outputTruncated ? `; ${truncationText(job)}` : "";
  const details: [string, string][] = [
    ["Job", printable(jobId)],
    ["Command", commandText(job)],
    ["Directory", printable(workingDirectory)],
    // Only the names: values are often secrets, and others may look at the terminal.
    ["Variables", Object.keys(env).map(printable).join(", ")],
    ["Status", outcomeText(job)],
    ["Detail", printable(end?.detail ?? "")],
    ["Owner", printable(owner)],
    ["User", printable(user)],
    ["Process", String(pid)],
    ["Held by", CONTAINMENTS[containment]],
    ["Limits", limitsText(limits)],
    ["Umask", printable(umask)],
    ["Nice", nice === 0 ? "" : String(nice)],
    ["Started", dateText(startedAt)],
    [isLost(job) ? "Last seen" : "Finished", end === null ? "" : dateText(end.finishedAt)],
    ["Took", tookText(job, now)],
    ["Used", usage === null ? "" : usageText(usage)],
    ["Output", `${stdoutBytes} bytes on stdout, ${stderrBytes} on stderr${truncated}`],
    ["Log", logText(logBytes, logLimit)],
    ["Labels", labelsText(labels)],
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
    timeoutMs === 0 ? "" : formatDuration(timeoutMs),
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
function truncationText(job: Job): string {
  switch (job.end?.reason) {
    case "lost":
      return "its last output may not have reached the disk";
    case "log_limit":
      return "its later output was discarded";
    default:
      return "a process that had left the job may have printed more";
  }
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([name, value]) => printable(`${name}=${value}`)).join(", ");
}
