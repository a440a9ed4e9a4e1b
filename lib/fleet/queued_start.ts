import { checkCommand } from "../job/command.ts";
import { completeExecution } from "../job/execution.ts";
import type { HostSelector } from "../job/host.ts";
import { checkJobName } from "../job/job_name.ts";
import { checkLabels } from "../job/labels.ts";
import { checkLogLimit, DEFAULT_LOG_LIMIT } from "../job/log_limit.ts";
import { newNotification } from "../job/notification.ts";
import type { Job, JobEnd } from "../job/types.ts";
import type { StartJobRequest } from "../service/job_service.ts";
import { redacted } from "../job/redacted.ts";

/** Any host. */
export const ANYWHERE: HostSelector = { host: "", labels: {} };

/**
 * The job that a request asks for, as it is shown until a host has it: without the values of variables, and with our
 * defaults in place of those that the host has.
 *
 * @throws `invalid_argument` for what could never start
 */
export function queuedJob(jobId: string, owner: string, request: StartJobRequest): Job {
  const { command, labels, name = "", notify } = request;
  checkCommand(command);
  checkLabels(labels);
  checkJobName(name);
  const logLimit = { ...DEFAULT_LOG_LIMIT, ...request.logLimit };
  checkLogLimit(logLimit, Infinity);
  return redacted({
    jobId,
    command,
    pid: 0,
    owner,
    name,
    labels,
    requestId: "",
    queuedAt: Date.now(),
    queue: null,
    startedAt: null,
    stdoutBytes: 0,
    stderrBytes: 0,
    execution: completeExecution(request.execution ?? {}),
    containment: "process_group",
    usage: null,
    logLimit,
    logBytes: 0,
    outputTruncated: false,
    liveStatus: "queued",
    end: null,
    ...(notify !== undefined && { notify: newNotification(notify) }),
  });
}

/** How a job has ended that no host has had, as far as is known. */
export function endOf(
  status: "cancelled" | "failed",
  reason: "stopped" | "lost" | "start_failed",
): JobEnd {
  return { status, reason, exitStatus: null, finishedAt: Date.now() };
}
