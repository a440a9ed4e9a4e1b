/**
 * Runs commands, each in a session and process group of its own, keeps what they print, and ends them
 * with everything that they started. It knows nothing about networks, users or databases.
 *
 * ```ts
 * import { Worker } from "./mod.ts";
 *
 * const dataDirectory = await Deno.makeTempDir();
 * {
 *   await using worker = await Worker.open({ dataDirectory });
 *   const job = await worker.start({
 *     command: { name: "sh", args: ["-c", "echo hello; exit 3"] },
 *     owner: "alice",
 *   });
 *
 *   const log = worker.readLog(job.jobId, {
 *     start: { kind: "offset", offset: 0 },
 *     streams: ["stdout", "stderr"],
 *     follow: true,
 *   });
 *   let text = "";
 *   for await (const { records } of log) {
 *     for (const { data } of records) text += new TextDecoder().decode(data);
 *   }
 *   if (text !== "hello\n") throw new Error(text);
 *
 *   const { end } = await worker.wait(job.jobId);
 *   if (end?.status !== "failed") throw new Error("It exited with code 3");
 * }
 * await Deno.remove(dataDirectory, { recursive: true });
 * ```
 *
 * @module
 */

export type {
  FinishedFilter,
  FinishedJob,
  FinishedPage,
  Holding,
  JobPage,
  JobStore,
  QueuedJob,
  StoredJob,
} from "../job/job_store.ts";
export { matches } from "../job/matches.ts";
export { MemoryStore } from "./memory_store.ts";
export type { ExecutionRequest } from "../job/execution.ts";
export type { UserPolicy } from "../job/user_policy.ts";
export type { Pruned, Retention } from "./retention.ts";
export { parseSignal } from "../job/parse_signal.ts";
export * from "../job/types.ts";
export { Worker } from "./worker.ts";
export { DEFAULT_LOG_LIMIT } from "../job/log_limit.ts";
export type { StartOptions, StopJobOptions, WorkerOptions } from "./worker_options.ts";
