import { messageOf } from "../errors.ts";
import { AuditLog } from "../service/audit_log.ts";
import type { JobService } from "../service/job_service.ts";
import { WorkerService } from "../service/worker_service.ts";
import { SqliteStore } from "../store/sqlite_store.ts";
import { type Containment, MemoryStore, Worker } from "../worker/mod.ts";
import { AUDIT_TRAIL, DATABASE, makeDataDirectory } from "./data_directory.ts";
import { diagnostics } from "./diagnostics.ts";
import { Housekeeping } from "./housekeeping.ts";
import { type DaemonOptions, IN_MEMORY } from "../config/options.ts";

/** Options of {@linkcode JobEngine.open}: those of the daemon that concern jobs. */
export type JobEngineOptions = Pick<
  DaemonOptions,
  | "dataDir"
  | "shutdownGraceMs"
  | "jobUser"
  | "allowUsers"
  | "timeoutMs"
  | "maxTimeoutMs"
  | "cgroups"
  | "logLimit"
  | "logPolicy"
  | "maxLogLimit"
  | "retainAgeMs"
  | "retainCount"
  | "retainBytes"
>;

/** Everything that has to do with jobs, and nothing that has to do with a network. */
export class JobEngine implements AsyncDisposable {
  readonly service: JobService;
  /** Where the service records its decisions. */
  readonly audit: AuditLog;
  /** Absolute path. */
  readonly dataDirectory: string;
  /** What keeps the processes of a job together. */
  readonly containment: Containment;
  /** How many jobs were running when an earlier daemon died. */
  readonly lost: number;
  readonly #worker: Worker;
  readonly #shutdownGraceMs: number;
  readonly #resources: AsyncDisposableStack;

  private constructor(parts: {
    readonly worker: Worker;
    readonly service: JobService;
    readonly audit: AuditLog;
    readonly lost: number;
    readonly dataDirectory: string;
    readonly shutdownGraceMs: number;
    readonly resources: AsyncDisposableStack;
  }) {
    this.service = parts.service;
    this.audit = parts.audit;
    this.lost = parts.lost;
    this.dataDirectory = parts.dataDirectory;
    this.containment = parts.worker.containment;
    this.#worker = parts.worker;
    this.#shutdownGraceMs = parts.shutdownGraceMs;
    this.#resources = parts.resources;
  }

  /**
   * @param home `HOME` and default directory of the jobs
   * @throws `failed_precondition`, naming the directory or file that is in the way
   */
  static async open(options: JobEngineOptions, home: string): Promise<JobEngine> {
    await using resources = new AsyncDisposableStack();
    const dataDirectory = options.dataDir === IN_MEMORY
      ? await makeTemporaryDirectory(resources)
      : await makeDataDirectory(options.dataDir);
    // This comes first, because it keeps a second daemon out.
    const store = resources.use(
      options.dataDir === IN_MEMORY
        ? new MemoryStore()
        : await SqliteStore.open(`${dataDirectory}/${DATABASE}`),
    );
    const audit = resources.use(
      await AuditLog.open(`${dataDirectory}/${AUDIT_TRAIL}`, (error) => {
        diagnostics.error("Audit: {why}", { why: messageOf(error) });
      }),
    );
    const logLimit = { bytes: options.logLimit, policy: options.logPolicy };
    let lost = 0;
    let housekeeping: Housekeeping | null = null;
    const worker = resources.use(
      await Worker.open({
        dataDirectory,
        store,
        home,
        logLimit,
        maxLogLimit: options.maxLogLimit,
        cgroups: options.cgroups,
        jobUser: options.jobUser,
        allowUsers: options.allowUsers,
        timeoutMs: options.timeoutMs,
        maxTimeoutMs: options.maxTimeoutMs,
        onEnded: () => housekeeping?.jobEnded(),
        onLost: (jobs) => lost += jobs.length,
        onShellEnded: ({ pid, why, successor }) => {
          const next = successor ?? "the next one";
          diagnostics.warn("Kernel shell {pid} ended: {why}; {next} takes over", {
            pid,
            why,
            next,
          });
        },
        onFault: (error, jobId) => {
          diagnostics.error("Job {jobId}: {why}", { jobId, why: messageOf(error) });
        },
      }),
    );
    housekeeping = resources.use(
      new Housekeeping(worker, {
        maxAgeMs: options.retainAgeMs,
        maxCount: options.retainCount,
        maxBytes: options.retainBytes,
      }),
    );
    const service = new WorkerService(worker, audit, logLimit);
    const { shutdownGraceMs } = options;
    return new JobEngine({
      worker,
      service,
      audit,
      lost,
      dataDirectory,
      shutdownGraceMs,
      resources: resources.move(),
    });
  }

  /** Ends all jobs as the options say, and closes what they are recorded in. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.shutdown({ gracePeriodMs: this.#shutdownGraceMs });
    await this.#resources.disposeAsync();
  }
}

async function makeTemporaryDirectory(resources: AsyncDisposableStack): Promise<string> {
  const path = await Deno.makeTempDir({ prefix: "job-worker-" });
  resources.defer(() => Deno.remove(path, { recursive: true }));
  // Old files in it are still in use. systemd-tmpfiles(8) leaves a locked directory alone, see tmpfiles.d(5).
  const directory = resources.use(await Deno.open(path));
  await directory.lock(true);
  return path;
}
