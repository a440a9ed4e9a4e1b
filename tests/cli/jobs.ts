/** Jobs in every state, and how the CLI shows them as JSON. */

import { DONE, JOB_ID, jobOf } from "./fake_daemon.ts";

export const FAILED = jobOf({ end: { ...DONE, status: "failed", exitStatus: { code: 3 } } });
export const KILLED = jobOf({
  end: { ...DONE, status: "failed", reason: "signaled", exitStatus: { signal: "SIGKILL" } },
});
export const STOPPED = jobOf({
  end: { ...DONE, status: "cancelled", reason: "stopped", exitStatus: { signal: "SIGTERM" } },
});
export const LOST = jobOf({ end: { ...DONE, status: "failed", reason: "lost", exitStatus: null } });

export const RUNNING_JSON = {
  jobId: JOB_ID,
  command: { name: "sh", args: ["-c", "echo hi"], env: {}, workingDirectory: "" },
  status: "running",
  pid: 4711,
  owner: "alice",
  name: "",
  queueDate: null,
  queue: null,
  startDate: "2026-07-31T09:30:00.000Z",
  finishDate: null,
  exitStatus: null,
  reason: null,
  stdoutBytes: 3,
  stderrBytes: 0,
  labels: {},
  execution: {
    user: "",
    umask: "",
    nice: 0,
    timeoutMs: 0,
    gracePeriodMs: 10_000,
    limits: {},
    hasInput: false,
  },
  containment: "process_group",
  usage: null,
  logLimit: { bytes: 268435456, policy: "keep_newest" },
  logBytes: 0,
  outputTruncated: false,
};
export const FAILED_JSON = {
  ...RUNNING_JSON,
  status: "failed",
  finishDate: "2026-07-31T09:31:30.000Z",
  exitStatus: { code: 3 },
  reason: "exited",
};

export function jsonLines(text: string): unknown[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}
