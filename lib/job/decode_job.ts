import {
  CONTAINMENTS,
  END_STATUSES,
  type Execution,
  type Job,
  JOB_REASONS,
  type JobEnd,
  LIVE_STATUSES,
  LOG_POLICIES,
  type Notification,
  NOTIFICATION_STATES,
  type Unknown,
} from "./types.ts";

/** The fields that the very first records had. All others have been added since. */
type First =
  | "jobId"
  | "command"
  | "pid"
  | "owner"
  | "labels"
  | "requestId"
  | "startedAt"
  | "stdoutBytes"
  | "stderrBytes"
  | "logLimit"
  | "logBytes"
  | "end";

/** The defaults of those days. Unlike the defaults of today, they must never change. */
const EXECUTION: Execution = {
  user: "",
  umask: "",
  nice: 0,
  timeoutMs: 0,
  gracePeriodMs: 10_000,
  limits: {},
  hasInput: false,
};

/**
 * What was true of the jobs of older daemons, although their records do not say so. A field that is added
 * to {@linkcode Job} does not compile without a value here.
 */
const DEFAULTS: Omit<Job, First> = {
  execution: EXECUTION,
  containment: "process_group",
  usage: null,
  outputTruncated: false,
  liveStatus: "running",
  queuedAt: null,
  queue: null,
  name: "",
};

/** A job as it may stand in a record. */
export type StoredJob = Pick<Job, First> & Partial<Job> & {
  /** What `outputTruncated` was called up to schema 3. */
  readonly outputCut?: boolean;
};

/**
 * Reads the record of a job, whichever version of the daemon has written it. A word that this version does
 * not know becomes `unknown`; a field that it does not know is left out.
 *
 * @param record what `JSON.stringify()` made of a job
 * @throws `SyntaxError` if it is not JSON
 */
export function decodeJob(record: string): Job {
  return readJob(JSON.parse(record));
}

/** The same for a job that is no JSON any more, such as one that another daemon has told. */
export function readJob(stored: StoredJob): Job {
  const job = { ...DEFAULTS, ...stored };
  return {
    jobId: job.jobId,
    command: job.command,
    pid: job.pid,
    owner: job.owner,
    name: job.name,
    labels: job.labels,
    requestId: job.requestId,
    queuedAt: job.queuedAt,
    queue: null,
    startedAt: job.startedAt,
    stdoutBytes: job.stdoutBytes,
    stderrBytes: job.stderrBytes,
    execution: { ...EXECUTION, ...job.execution },
    containment: known(CONTAINMENTS, job.containment),
    usage: job.usage,
    logLimit: { ...job.logLimit, policy: known(LOG_POLICIES, job.logLimit.policy) },
    logBytes: job.logBytes,
    outputTruncated: stored.outputTruncated ?? stored.outputCut ?? DEFAULTS.outputTruncated,
    liveStatus: known(LIVE_STATUSES, job.liveStatus),
    end: job.end === null ? null : endOf(job.end),
    ...(job.notify !== undefined && { notify: notificationOf(job.notify) }),
  };
}

function endOf(end: JobEnd): JobEnd {
  return {
    ...end,
    status: known(END_STATUSES, end.status),
    reason: known(JOB_REASONS, end.reason),
  };
}

function notificationOf({ url, state }: Notification): Notification {
  return { url, state: known(NOTIFICATION_STATES, state) };
}

/** A word, if it is one of these. */
export function known<Word extends string>(words: readonly Word[], word: string): Word | Unknown {
  return words.find((each) => each === word) ?? "unknown";
}
