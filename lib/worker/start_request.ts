import { JobWorkerError } from "../errors.ts";
import type { LaunchRequest, PreparedJob } from "../executor/executor.ts";
import { checkCommand } from "../job/command.ts";
import { completeExecution, type ExecutionRequest } from "../job/execution.ts";
import { checkJobName } from "../job/job_name.ts";
import { checkLabels } from "../job/labels.ts";
import { checkLogLimit, DEFAULT_LOG_LIMIT } from "../job/log_limit.ts";
import { checkNotify, newNotification } from "../job/notification.ts";
import type { Command, Containment, Job, LogLimit } from "../job/types.ts";
import { chooseUser, type UserPolicy } from "../job/user_policy.ts";
import { formatDuration } from "../text/duration.ts";

/** What to start, and for whom. */
export interface StartRequest {
  readonly command: Pick<Command, "name"> & Partial<Command>;
  readonly owner: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** No other job of this owner that has not ended may have it; `""`, the default, for none. */
  readonly name?: string;
  /** A repeat with the same value, by the same owner, returns the same job. */
  readonly requestId?: string;
  /**
   * The id that the job gets; by default the next one. No job has it twice: a repeat by the same owner returns the
   * same job.
   */
  readonly jobId?: string;
  readonly execution?: ExecutionRequest;
  /** The user of a job of this owner's that does not choose one; by default that of the policy. */
  readonly jobUser?: string;
  readonly logLimit?: LogLimit;
  /** See `JobService.startJob()`. */
  readonly notify?: string;
}

/** What a worker allows jobs to choose, and what a job gets that does not choose. */
export interface StartPolicy extends UserPolicy {
  /** For jobs that do not choose one; 0: for ever. */
  readonly timeoutMs: number;
  /** The most that a job may choose; 0: for ever. */
  readonly maxTimeoutMs: number;
  /** For jobs that do not choose one. */
  readonly logLimit: LogLimit;
  /** The most that a job may choose for its log, in bytes. */
  readonly maxLogLimit: number;
  /** The users that jobs of an owner may run as without choosing one, if that depends on the owner. */
  readonly jobUsersOf: (owner: string) => readonly string[] | undefined;
  /** The hosts at which webhooks of jobs may be, as `URL.host` has them. */
  readonly notifyAllow: readonly string[];
}

/** The policy of a worker that is given none. */
export const DEFAULT_START_POLICY: StartPolicy = {
  jobUser: "",
  allowUsers: [],
  timeoutMs: 0,
  maxTimeoutMs: 0,
  logLimit: DEFAULT_LOG_LIMIT,
  maxLogLimit: Infinity,
  jobUsersOf: () => undefined,
  notifyAllow: [],
};

/**
 * Checks a request, and completes it.
 *
 * @throws `invalid_argument`, naming the field, its value and what is accepted; `permission_denied` for a
 *   user that the policy does not allow; `failed_precondition` for a webhook that it does not allow
 */
export function completeStart(
  jobId: string,
  { command: requested, labels = {}, execution: partial = {}, ...request }: StartRequest,
  policy: StartPolicy,
): LaunchRequest {
  const { logLimit = policy.logLimit, jobUser = policy.jobUser, name = "" } = request;
  const command = { args: [], env: {}, workingDirectory: "", ...requested };
  checkCommand(command);
  checkLabels(labels);
  checkJobName(name);
  checkLogLimit(logLimit, policy.maxLogLimit);
  if (request.notify !== undefined) checkNotify(request.notify, policy.notifyAllow);
  const execution = completeExecution(partial);
  const timeoutMs = execution.timeoutMs || policy.timeoutMs || policy.maxTimeoutMs;
  checkMaxTimeout(timeoutMs, policy.maxTimeoutMs, "execution.timeoutMs");
  const user = chooseUser(execution.user, { ...policy, jobUser });
  return { jobId, command, execution: { ...execution, timeoutMs, user }, logLimit };
}

/** The record of a job that has not been started. */
export function newJob(
  { owner, labels = {}, name = "", requestId = "", notify }: StartRequest,
  { jobId, command, execution, logLimit }: LaunchRequest,
  containment: Containment,
): Job {
  return {
    jobId,
    command,
    pid: 0,
    owner,
    name,
    labels,
    requestId,
    queuedAt: null,
    queue: null,
    startedAt: null,
    stdoutBytes: 0,
    stderrBytes: 0,
    execution,
    containment,
    usage: null,
    logLimit,
    logBytes: 0,
    outputTruncated: false,
    liveStatus: "queued",
    end: null,
    ...(notify !== undefined && { notify: newNotification(notify) }),
  };
}

/** The record of a job that is about to start: it has no process id yet. */
export function startingJob(
  job: Job,
  { workingDirectory, user, startedAt }: PreparedJob,
  containment: Containment,
): Job {
  return {
    ...job,
    command: { ...job.command, workingDirectory },
    execution: { ...job.execution, user },
    containment,
    startedAt,
    liveStatus: "running",
  };
}

/**
 * What a job that was queued is to be launched with. It has been checked when it was queued; but the daemon may have
 * been started anew since, and not allow its user, its time or its log any more.
 *
 * @throws `permission_denied` for a user that the policy does not allow; `invalid_argument` for a limit
 */
export function queuedStart(
  { jobId, owner, command, execution, logLimit: { bytes, policy: atLimit } }: Job,
  policy: StartPolicy,
): LaunchRequest {
  const { user } = execution;
  const usual = policy.jobUsersOf(owner) ?? [policy.jobUser];
  if (!usual.includes(user)) {
    if (user === "") {
      throw new JobWorkerError(
        "permission_denied",
        "Cannot run the job as the daemon's own user: since it was queued, the daemon has been told to run jobs " +
          "as another",
        { field: "execution.user" },
      );
    }
    chooseUser(user, { ...policy, jobUser: "" });
  }
  const timeoutMs = execution.timeoutMs || policy.maxTimeoutMs;
  checkMaxTimeout(timeoutMs, policy.maxTimeoutMs, "execution.timeoutMs");
  const logLimit = { bytes, policy: atLimit === "unknown" ? policy.logLimit.policy : atLimit };
  checkLogLimit(logLimit, policy.maxLogLimit);
  return { jobId, command, execution: { ...execution, timeoutMs }, logLimit };
}

/** @throws `invalid_argument` for more time than a job may have */
export function checkMaxTimeout(timeoutMs: number, maxMs: number, field: string): void {
  if (maxMs === 0 || (timeoutMs > 0 && timeoutMs <= maxMs)) return;
  const given = timeoutMs === 0 ? "none" : formatDuration(timeoutMs);
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid timeout ${given}: this daemon lets no job run longer than ${formatDuration(maxMs)}`,
    { field },
  );
}
