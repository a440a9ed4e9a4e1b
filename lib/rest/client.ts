/**
 * The client of the REST API of a daemon, or of the hub of a fleet. Its methods are those of `JobService`, as those of
 * the client of gRPC in `lib/grpc/client.ts` are.
 *
 * ```ts ignore
 * using client = new RestClient({ address: "localhost:8443", ca, credentials });
 * const { jobId } = await client.startJob({ command: { name: "date" } });
 * const job = await client.waitJob({ jobId });
 * ```
 *
 * @module
 */

import type { JobWorkerError } from "../errors.ts";
import { newId } from "../ids.ts";
import { hostOfJson } from "../job/host.ts";
import { jobOfJson } from "../job/job_json.ts";
import type { Command, Job, JobStatus, LogBatch, Unknown } from "../job/types.ts";
import type {
  AuditBatch,
  GetLogsRequest,
  GetLogsResponse,
  JobRequest,
  JobService,
  ListHostsRequest,
  ListHostsResponse,
  ListJobsRequest,
  ListJobsResponse,
  PruneJobsRequest,
  PruneJobsResponse,
  SignalJobRequest,
  StartJobRequest,
  StopJobRequest,
  StreamAuditRequest,
  StreamLogsRequest,
  UpdateJobRequest,
  WatchJobsRequest,
  WriteInputRequest,
  WriteInputResponse,
} from "../service/job_service.ts";
import type { JobMethod, METHODS, RequestOf, UnaryMethod } from "../service/methods.ts";
import * as z from "../text/zod.ts";
import { Calls, cutOff, SILENCE_MS } from "./calls.ts";
import {
  auditBatchOf,
  auditQuery,
  filterQuery,
  jobOf,
  labelPairs,
  logBatchOf,
  logQuery,
  streamText,
} from "./client_messages.ts";
import {
  readAnswer,
  type RestCallOptions,
  RestConnection,
  type RestConnectionOptions,
  type RestRequest,
} from "./connection.ts";
import type { OperationId } from "./operations.ts";
import * as schemas from "./schemas.ts";

/** What is read from an answer. A newer daemon may send more fields, and words that are not known here. */
const ANSWERS = {
  start: z.object({ jobId: z.string() }),
  status: z.object({ jobStatus: schemas.jobStatus }),
} as const;

/** How long one request waits for the end of a job, which is waited for by as many as it takes. */
const WAIT_SECONDS = 30;

const ALL_LINES: StreamAuditRequest = {
  user: "",
  jobIdPrefix: "",
  method: "",
  deniedOnly: false,
  follow: false,
  position: "",
};

export type { RestCallOptions } from "./connection.ts";
export type * from "../service/job_service.ts";
export type * from "../job/types.ts";

/** Options of {@linkcode RestClient}. */
export interface RestClientOptions extends RestConnectionOptions {
  /**
   * How long calls that survive a broken connection keep trying without success; 30 s by default. These are
   * all methods of `JobService` but `stopJob`, `signalJob`, `updateJob` and `pruneJobs`, which might do something
   * twice. A daemon that has never answered is reported at once.
   */
  readonly reconnectTimeoutMs?: number;
  /** Called each time before such a call is made again. */
  onReconnecting?(error: JobWorkerError): void;
}

/** The only required field of a new job is its program. */
export interface NewJob extends Partial<Omit<StartJobRequest, "command">> {
  readonly command: Pick<Command, "name"> & Partial<Command>;
}

/** A method that an operation of REST calls. */
type RestMethod = {
  [Name in JobMethod]: typeof METHODS[Name]["rest"] extends readonly [] ? never : Name;
}[JobMethod];

// A method that REST has does not compile without one here.
type RestMethods = {
  readonly [Name in RestMethod]: (
    request: RequestOf<Name>,
    options?: RestCallOptions,
  ) => ReturnType<JobService[Name]>;
};

/**
 * A client of the REST API. The name or address of the daemon must be in its certificate. Every call rejects with
 * `JobWorkerError`, or with the reason of its signal.
 */
export class RestClient implements RestMethods, Disposable {
  readonly #connection: RestConnection;
  readonly #calls: Calls;

  constructor(options: RestClientOptions) {
    const { reconnectTimeoutMs: timeoutMs = 30_000, onReconnecting } = options;
    this.#connection = new RestConnection(options);
    this.#calls = new Calls(this.#connection, {
      timeoutMs,
      ...(onReconnecting && { onReconnecting }),
    });
  }

  // The four paths outside /v1/.

  /** Resolves if the daemon is serving. */
  async health(options: RestCallOptions = {}): Promise<void> {
    await this.#connection.json("health", options);
  }

  /** Starts a command, and returns the id of the job. */
  async start(
    command: string,
    args: readonly string[],
    options: RestCallOptions = {},
  ): Promise<string> {
    const body = { command, args };
    const answer = await this.#connection.json("start", { ...options, body });
    return readAnswer(ANSWERS.start, answer).jobId;
  }

  /** Stops a job, and resolves once it has ended. */
  async stop(jobId: string, options: RestCallOptions = {}): Promise<void> {
    await this.#connection.json("stop", { ...options, body: { jobId } });
  }

  async status(jobId: string, options: RestCallOptions = {}): Promise<JobStatus | Unknown> {
    const answer = await this.#connection.json("status", { ...options, jobId });
    return readAnswer(ANSWERS.status, answer).jobStatus;
  }

  // The methods of JobService, under /v1/.

  /**
   * Starts a job. A request without an id gets one, so that it can be sent again if the connection breaks,
   * and only one job is started.
   */
  async startJob(request: NewJob, options: RestCallOptions = {}): Promise<Job> {
    const body = { ...request, requestId: request.requestId || newId() };
    return await this.#job("startJob", "startJob", { ...options, body });
  }

  async stopJob(
    { jobId, ...how }: JobRequest & Partial<StopJobRequest>,
    options: RestCallOptions = {},
  ): Promise<Job> {
    return await this.#job("stopJob", "stopJob", { ...options, jobId, body: how });
  }

  async getJob({ jobId }: JobRequest, options: RestCallOptions = {}): Promise<Job> {
    return await this.#job("getJob", "getJob", { ...options, jobId });
  }

  async listJobs(
    { filter = {}, own = false, counts = false, pageSize = 0, pageToken = "" }: Partial<
      ListJobsRequest
    > = {},
    options: RestCallOptions = {},
  ): Promise<ListJobsResponse> {
    const query = {
      ...filterQuery(filter),
      ...(own && { own: 1 }),
      ...(counts && { counts: 1 }),
      ...(pageSize > 0 && { pageSize }),
      pageToken,
    };
    const { jobs, ...rest } = await this.#calls.one("listJobs", "listJobs", schemas.jobList, {
      ...options,
      query,
    });
    return { jobs: jobs.map(jobOfJson), ...rest };
  }

  /** Waits for the end of a job, across broken connections. */
  async waitJob({ jobId }: JobRequest, options: RestCallOptions = {}): Promise<Job> {
    const query = { wait: `${WAIT_SECONDS}s` };
    const request = { ...options, jobId, query, silenceMs: WAIT_SECONDS * 1000 + SILENCE_MS };
    for (;;) {
      const job = await this.#job("waitJob", "getJob", request);
      if (job.end !== null) return job;
    }
  }

  async getLogs(
    { jobId, streams = [], offset = 0, endOffset, maxBytes }: JobRequest & Partial<GetLogsRequest>,
    options: RestCallOptions = {},
  ): Promise<GetLogsResponse> {
    const query = { stream: streamText(streams), offset, end: endOffset, maxBytes };
    const page = await this.#calls.one("getLogs", "readOutput", schemas.outputPage, {
      ...options,
      jobId,
      query,
    });
    const stdout = Uint8Array.fromBase64(page.stdout);
    return { ...page, stdout, stderr: Uint8Array.fromBase64(page.stderr) };
  }

  /**
   * The log of a job. After a broken connection it continues where it was and ends where it would have
   * ended: no byte is lost or repeated.
   */
  async *streamLogs(
    { jobId, streams = [], follow = false, start, endOffset }:
      & JobRequest
      & Partial<StreamLogsRequest>,
    options: RestCallOptions = {},
  ): AsyncGenerator<LogBatch> {
    const request: StreamLogsRequest = {
      jobId,
      streams,
      follow,
      start: start ?? { kind: "offset", offset: 0 },
      ...(endOffset !== undefined && { endOffset }),
    };
    const { signal } = options;
    const connection = this.#connection;
    yield* this.#calls.all("streamLogs", request, signal, async function* (rest) {
      const asked = { ...options, jobId, query: logQuery(rest), silenceMs: SILENCE_MS };
      for await (const event of connection.events("readLog", asked)) yield logBatchOf(event);
      // It would have ended with the job.
      if (rest.follow) throw cutOff();
    });
  }

  /**
   * The jobs that match, then each again when its status changes. After a broken connection all of them come
   * again as they are then.
   */
  async *watchJobs(
    request: WatchJobsRequest,
    options: RestCallOptions = {},
  ): AsyncGenerator<Job> {
    const calls = this.#calls;
    yield* calls.all(
      "watchJobs",
      request,
      options.signal,
      async function* ({ filter, newest = 0 }) {
        const query = { ...filterQuery(filter), ...(newest > 0 && { newest }) };
        for await (const event of calls.events("watchJobs", { ...options, query })) {
          yield jobOf(event);
        }
      },
    );
  }

  async signalJob(
    { jobId, ...body }: SignalJobRequest,
    options: RestCallOptions = {},
  ): Promise<Job> {
    return await this.#job("signalJob", "signalJob", { ...options, jobId, body });
  }

  async updateJob(
    { jobId, ...body }: UpdateJobRequest,
    options: RestCallOptions = {},
  ): Promise<Job> {
    return await this.#job("updateJob", "updateJob", { ...options, jobId, body });
  }

  /** Writes to the input of a job, across broken connections: the offset makes a repeat harmless. */
  async writeInput(
    { jobId, offset, data, end }: WriteInputRequest,
    options: RestCallOptions = {},
  ): Promise<WriteInputResponse> {
    const query = { offset, ...(end && { end: 1 }) };
    const request = { ...options, jobId, query, body: data };
    return await this.#calls.one("writeInput", "writeInput", schemas.inputAnswer, request);
  }

  async pruneJobs(
    request: Partial<PruneJobsRequest>,
    options: RestCallOptions = {},
  ): Promise<PruneJobsResponse> {
    const { jobs, ...sums } = await this.#calls.one("pruneJobs", "pruneJobs", schemas.prunedJobs, {
      ...options,
      body: request,
    });
    return { jobs: jobs.map(jobOfJson), ...sums };
  }

  /**
   * The lines of the audit trail, oldest first. After a broken connection it continues where it was: no line is
   * lost or repeated.
   */
  async *streamAudit(
    request: Partial<StreamAuditRequest> = {},
    options: RestCallOptions = {},
  ): AsyncGenerator<AuditBatch> {
    const calls = this.#calls;
    const whole = { ...ALL_LINES, ...request };
    yield* calls.all("streamAudit", whole, options.signal, async function* (rest) {
      const { position } = rest;
      const headers = position === "" ? {} : { "Last-Event-ID": position };
      const asked = { ...options, query: auditQuery(rest), headers };
      for await (const event of calls.events("readAudit", asked)) yield auditBatchOf(event);
    });
  }

  /** The hosts of a fleet, if the daemon is its hub. */
  async listHosts(
    { on }: ListHostsRequest = {},
    options: RestCallOptions = {},
  ): Promise<ListHostsResponse> {
    const query = { host: on?.host, label: labelPairs(on?.labels) };
    const request = { ...options, query };
    const { hosts } = await this.#calls.one("listHosts", "listHosts", schemas.hostList, request);
    return { hosts: hosts.map(hostOfJson) };
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  /** A call that is answered with a job. */
  async #job(method: UnaryMethod, operation: OperationId, request: RestRequest): Promise<Job> {
    return jobOfJson(await this.#calls.one(method, operation, schemas.job, request));
  }
}
