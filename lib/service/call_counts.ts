import { type ErrorCode, JobWorkerError } from "../errors.ts";
import { type Job, type LogBatch, statusOf } from "../job/types.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { Histogram } from "../metrics/histogram.ts";
import { Tally } from "../metrics/tally.ts";
import type { GetLogsResponse, JobService } from "./job_service.ts";
import { isStream, JOB_METHODS, type JobMethod } from "./methods.ts";

/** In seconds. */
const START_BOUNDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Any method that answers once, and any that answers with a stream. */
type Unary = (...args: unknown[]) => Promise<unknown>;
type Stream = (...args: unknown[]) => AsyncIterable<unknown>;

/** What came of a call. */
type Code = ErrorCode | "ok";

/** How many bytes of logs are in an answer, of methods that answer with logs. */
const SIZES: { readonly [Name in JobMethod]?: (answer: unknown) => number } = {
  streamLogs: (answer) => batchBytes(answer as LogBatch),
  getLogs(answer) {
    const { stdout, stderr } = answer as GetLogsResponse;
    return stdout.byteLength + stderr.byteLength;
  },
};

/** What has been asked of a service since the process began, and what came of it. */
export class CallCounts {
  readonly #open = new Tally<JobMethod>();
  /** By method and `ok`, or the code of the error. */
  readonly #ended = new Tally<string>();
  readonly #starts = new Histogram(START_BOUNDS);
  #logBytes = 0;

  /** What is watched is there before it happens: nobody sees a series grow that begins with a one. */
  constructor() {
    for (const method of JOB_METHODS) {
      this.#open.add(method, 0);
      for (const code of ["ok", "internal"]) this.#ended.add(`${method} ${code}`, 0);
    }
    this.#ended.add("startJob resource_exhausted", 0);
  }

  /** A service that does what this one does, and whose calls are counted. */
  countedService(service: JobService): JobService {
    const methods = JOB_METHODS.map((method) => {
      const call = service[method].bind(service) as unknown;
      const counted = isStream(method)
        ? (...args: unknown[]) => this.#stream(method, () => (call as Stream)(...args))
        : (...args: unknown[]) => this.#unary(method, () => (call as Unary)(...args));
      return [method, counted];
    });
    return {
      ...Object.fromEntries(methods) as JobService,
      startJob: (request, context) => this.start(() => service.startJob(request, context)),
    };
  }

  /** Starts a job by this call, which is counted as one of `startJob`. */
  async start(call: () => Promise<Job>): Promise<Job> {
    const begunAt = performance.now();
    const job = await this.#unary("startJob", call);
    if (statusOf(job) !== "queued") this.#starts.observe((performance.now() - begunAt) / 1000);
    return job;
  }

  measure(exposition: Exposition): void {
    for (const [method, count] of this.#open.entries()) {
      exposition.add("job_worker_calls_in_progress", { method }, count);
    }
    for (const [key, count] of this.#ended.entries()) {
      const [method = "", code = ""] = key.split(" ");
      exposition.add("job_worker_calls_total", { method, code }, count);
    }
    exposition.addHistogram("job_worker_start_duration_seconds", {}, this.#starts.state);
    exposition.add("job_worker_log_read_bytes_total", {}, this.#logBytes);
  }

  async #unary<T>(method: JobMethod, call: () => Promise<T>): Promise<T> {
    this.#open.add(method);
    let code: Code = "ok";
    try {
      const answer = await call();
      this.#logBytes += SIZES[method]?.(answer) ?? 0;
      return answer;
    } catch (error) {
      code = codeOf(error);
      throw error;
    } finally {
      this.#end(method, code);
    }
  }

  async *#stream(
    method: JobMethod,
    call: () => AsyncIterable<unknown>,
  ): AsyncGenerator<unknown, void, undefined> {
    this.#open.add(method);
    // If nothing else ends it, its reader has left.
    let code: Code = "cancelled";
    try {
      for await (const answer of call()) {
        this.#logBytes += SIZES[method]?.(answer) ?? 0;
        yield answer;
      }
      code = "ok";
    } catch (error) {
      code = codeOf(error);
      throw error;
    } finally {
      this.#end(method, code);
    }
  }

  #end(method: JobMethod, code: Code): void {
    this.#open.add(method, -1);
    this.#ended.add(`${method} ${code}`);
  }
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof JobWorkerError ? error.code : "internal";
}

/** The bytes of a batch: as they are sent, if that is at hand, so that nothing is decoded only to be counted. */
function batchBytes(batch: LogBatch): number {
  return batch.packed?.byteLength ??
    batch.records.reduce((sum, { data }) => sum + data.byteLength, 0);
}
