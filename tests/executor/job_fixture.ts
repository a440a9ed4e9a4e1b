import { completeExecution } from "../../lib/job/execution.ts";
import type { Job, JobEnd } from "../../lib/job/types.ts";

/** A job that nobody has run. */
export function job(part: Partial<Job> & Pick<Job, "jobId">): Job {
  return {
    command: { name: "true", args: [], env: {}, workingDirectory: "/" },
    pid: 4_242,
    owner: "alice",
    name: "",
    labels: {},
    requestId: "",
    queuedAt: null,
    queue: null,
    startedAt: 1_000,
    stdoutBytes: 0,
    stderrBytes: 0,
    execution: completeExecution({}),
    containment: "process_group",
    usage: null,
    logLimit: { bytes: 268435456, policy: "keep_newest" },
    logBytes: 0,
    outputTruncated: false,
    liveStatus: "running",
    end: null,
    ...part,
  };
}

/** How a job ended that did what it should. */
export const DONE: JobEnd = {
  status: "done",
  reason: "exited",
  exitStatus: { code: 0 },
  finishedAt: 2_000,
};
