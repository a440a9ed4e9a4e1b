import type { JobEngineOptions } from "../../../lib/daemon/job_engine.ts";

/** An engine that leaves everything as it is, with logs of several files. */
export const ENGINE_OPTIONS: Omit<JobEngineOptions, "dataDir"> = {
  shutdownGraceMs: 0,
  jobUser: Deno.uid() === 0 ? "root" : "",
  allowUsers: [],
  timeoutMs: 0,
  maxTimeoutMs: 0,
  maxRunning: Infinity,
  maxRunningPerUser: Infinity,
  maxQueued: Infinity,
  maxQueuedPerUser: Infinity,
  cgroups: false,
  newPrivileges: true,
  logLimit: 1024 * 1024,
  logPolicy: "keep_newest",
  maxLogLimit: Infinity,
  retainAgeMs: Infinity,
  retainCount: Infinity,
  retainBytes: Infinity,
  auditLimit: Infinity,
  auditAgeMs: Infinity,
  auditKeep: 15,
  auditMask: [],
};
