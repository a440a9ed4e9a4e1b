import { resolve } from "node:path";
import { JobWorkerError, messageOf } from "../errors.ts";
import { AuditLog } from "../service/audit_log.ts";
import type { JobService } from "../service/job_service.ts";
import { WorkerService } from "../service/worker_service.ts";
import { Worker } from "../worker/mod.ts";
import { diagnostics } from "./diagnostics.ts";

/** Options of {@linkcode JobEngine.open}. */
export interface JobEngineOptions {
  readonly dataDir: string;
  /** See `DaemonOptions`. */
  readonly shutdownGraceMs: number;
  /** `HOME` and default directory of the jobs. */
  readonly home: string;
}

/** All that has to do with jobs, and nothing that has to do with a network. */
export class JobEngine implements AsyncDisposable {
  readonly service: JobService;
  /** Absolute path. */
  readonly dataDirectory: string;
  readonly #worker: Worker;
  readonly #shutdownGraceMs: number;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    worker: Worker,
    service: JobService,
    dataDirectory: string,
    shutdownGraceMs: number,
    resources: AsyncDisposableStack,
  ) {
    this.dataDirectory = dataDirectory;
    this.#worker = worker;
    this.service = service;
    this.#shutdownGraceMs = shutdownGraceMs;
    this.#resources = resources;
  }

  /** @throws `failed_precondition`, naming the directory or file that is in the way */
  static async open(options: JobEngineOptions): Promise<JobEngine> {
    await using resources = new AsyncDisposableStack();
    const dataDirectory = await makeDataDirectory(options.dataDir);
    const audit = resources.use(
      await AuditLog.open(`${dataDirectory}/audit.log`, (error) => {
        diagnostics.error("Audit: {why}", { why: messageOf(error) });
      }),
    );
    const worker = resources.use(
      await Worker.open({
        dataDirectory,
        home: options.home,
        onFault: (error, { jobId }) => {
          diagnostics.error("Job {jobId}: {why}", { jobId, why: messageOf(error) });
        },
      }),
    );
    const service = new WorkerService(worker, audit);
    return new JobEngine(worker, service, dataDirectory, options.shutdownGraceMs, resources.move());
  }

  /** Ends all jobs, as the options say, and closes what they were recorded in. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.shutdown({ gracePeriodMs: this.#shutdownGraceMs });
    await this.#resources.disposeAsync();
  }
}

/** Makes the directory with mode 0700 if there is none, and returns its absolute path. */
async function makeDataDirectory(path: string): Promise<string> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    const probe = await Deno.makeTempFile({ dir: path, prefix: ".write-" });
    await Deno.remove(probe);
    return resolve(path);
  } catch (error) {
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot write in the data directory "${path}": ${messageOf(error)}; choose another with ` +
        `--data-dir`,
      { cause: error },
    );
  }
}
