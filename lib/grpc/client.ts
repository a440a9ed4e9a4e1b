/**
 * The client of a Job Worker daemon.
 *
 * ```ts ignore
 * await using client = await connect({ address: "localhost:8080", ca, cert, key });
 * const { jobId } = await client.startJob({ command: { name: "date" } });
 * const job = await client.waitJob({ jobId });
 * ```
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import { newId } from "../ids.ts";
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
  RunJobsRequest,
  RunJobsResponse,
  SignalJobRequest,
  StartJobRequest,
  StopJobRequest,
  StopJobsRequest,
  StopJobsResponse,
  StreamAuditRequest,
  StreamLogsRequest,
  UpdateJobRequest,
  WatchJobsRequest,
  WriteInputRequest,
  WriteInputResponse,
} from "../service/job_service.ts";
import type { Job, LogBatch } from "../job/types.ts";
import { Reconnection, type ReconnectionOptions } from "../net/reconnection.ts";
import { Channel } from "./channel.ts";
import {
  type AnswerOf,
  METHODS,
  type RequestOf,
  type StreamMethod,
  type UnaryMethod,
} from "../service/methods.ts";
import { resumed } from "../service/resume.ts";
import { type CallLimits, streamCall, unaryCall } from "./client_call.ts";
import { codecOf, wireName } from "./codecs.ts";
import { type ClientMaterial, endpointOf } from "./endpoint.ts";
import { HEALTH, JOB_WORKER, JOB_WORKER_SERVICE } from "./protocol.ts";
import { connecting } from "./connecting.ts";
import { NO_COMMAND } from "./wire_values.ts";

export type * from "../service/job_service.ts";
export type * from "../job/types.ts";
export type { ClientMaterial } from "./endpoint.ts";
export type { UnavailableReason } from "./diagnose.ts";

const FROM_THE_START: StreamLogsRequest["start"] = { kind: "offset", offset: 0 };

const ALL_LINES: StreamAuditRequest = {
  user: "",
  jobIdPrefix: "",
  method: "",
  deniedOnly: false,
  follow: false,
  position: "",
};

/** How often a start is attempted if its answer is lost. */
const MAX_START_ATTEMPTS = 5;

/** Options of {@linkcode connect}. */
export interface ConnectOptions extends ClientMaterial {
  /** `host:port`; an IPv6 address in brackets. */
  readonly address: string;
  /** How long an attempt to connect may take; 10 s by default. */
  readonly connectTimeoutMs?: number;
  /**
   * How much longer to wait for a daemon that accepts connections but does not answer, as it does while it is
   * starting and systemd holds its socket; 0 by default.
   */
  readonly silenceTimeoutMs?: number;
  /** Called once when that wait begins. */
  onSilence?(error: Error): void;
  /**
   * How long calls that survive a broken connection keep trying without success; 30 s by default. These are
   * all calls except those that change a job and might do so twice: `stopJob`, `signalJob`, `updateJob` and
   * `pruneJobs`.
   */
  readonly reconnectTimeoutMs?: number;
  /** Called each time before such a call is made again. */
  onReconnecting?(error: Error): void;
}

/** Options of every call. */
export interface CallOptions {
  /** Cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long the call may take, reconnecting included. */
  readonly timeoutMs?: number;
}

/**
 * Connects to a daemon. If it is unreachable, that is reported at once.
 *
 * @throws {JobWorkerError} `invalid_argument` for the address, `unavailable` with an
 * {@linkcode UnavailableReason}, or an errno name, as its `reason`
 */
export async function connect(options: ConnectOptions): Promise<JobWorkerClient> {
  const { connectTimeoutMs = 10_000 } = options;
  const channel = new Channel(endpointOf(options.address, options), { connectTimeoutMs });
  try {
    await reach(channel, options);
  } catch (error) {
    channel[Symbol.dispose]();
    throw error;
  }
  return new JobWorkerClient(channel, options);
}

async function reach(
  channel: Channel,
  { silenceTimeoutMs = 0, onSilence }: ConnectOptions,
): Promise<void> {
  for (let until: number | null = null;;) {
    try {
      return await channel.ready({ deadline: Infinity });
    } catch (error) {
      const isSilent = error instanceof JobWorkerError && error.reason === "SILENT";
      if (!isSilent || silenceTimeoutMs === 0) throw error;
      if (until === null) onSilence?.(error);
      until ??= Date.now() + silenceTimeoutMs;
      if (Date.now() >= until) throw error;
    }
  }
}

/** A request with some required fields; the others have the defaults of the proto. */
export type Brief<Request, Needed extends keyof Request = never> =
  & Pick<Request, Needed>
  & Partial<Request>;

/** The only required field of a new job is its program. */
export interface NewJob extends Partial<Omit<StartJobRequest, "command">> {
  readonly command: Brief<StartJobRequest["command"], "name">;
}

/** The methods of {@linkcode JobService}, with the options of a call in place of its context. */
export type JobServiceClient = {
  [Method in keyof JobService]: (
    request: Parameters<JobService[Method]>[0],
    options?: CallOptions,
  ) => ReturnType<JobService[Method]>;
};

/** A connection to a daemon, made by {@linkcode connect}. Every call rejects with `JobWorkerError`. */
export class JobWorkerClient implements JobServiceClient, AsyncDisposable {
  readonly #channel: Channel;
  readonly #reconnection: ReconnectionOptions;

  /** @ignore */
  constructor(channel: Channel, options: Omit<ConnectOptions, keyof ClientMaterial>) {
    const { reconnectTimeoutMs: timeoutMs = 30_000, onReconnecting } = options;
    this.#channel = channel;
    this.#reconnection = { timeoutMs, ...(onReconnecting && { onReconnecting }) };
  }

  /**
   * Starts a job. A request without an id gets one, so that it can be sent again if the connection breaks,
   * and only one job is started.
   */
  async startJob(request: NewJob, options: CallOptions = {}): Promise<Job> {
    return await this.#one("startJob", {
      labels: {},
      ...request,
      command: { ...NO_COMMAND, ...request.command },
      requestId: request.requestId || newId(),
    }, options);
  }

  async stopJob(
    request: Brief<StopJobRequest, "jobId">,
    options: CallOptions = {},
  ): Promise<Job> {
    const whole = { stopSignal: "", gracePeriodMs: null, ...request };
    return await this.#one("stopJob", whole, options);
  }

  async getJob(request: JobRequest, options: CallOptions = {}): Promise<Job> {
    return await this.#one("getJob", request, options);
  }

  async listJobs(
    request: Brief<ListJobsRequest> = {},
    options: CallOptions = {},
  ): Promise<ListJobsResponse> {
    const whole = { filter: {}, pageSize: 0, pageToken: "", ...request };
    return await this.#one("listJobs", whole, options);
  }

  /** Waits for the end of a job, across broken connections. */
  async waitJob(request: JobRequest, options: CallOptions = {}): Promise<Job> {
    return await this.#one("waitJob", request, options);
  }

  async getLogs(
    request: Brief<GetLogsRequest, "jobId">,
    options: CallOptions = {},
  ): Promise<GetLogsResponse> {
    const whole = { streams: [], offset: 0, maxBytes: 0, ...request };
    return await this.#one("getLogs", whole, options);
  }

  /**
   * The log of a job. After a broken connection it continues where it was and ends where it would have
   * ended: no byte is lost or repeated.
   */
  async *streamLogs(
    request: Brief<StreamLogsRequest, "jobId">,
    options: CallOptions = {},
  ): AsyncGenerator<LogBatch> {
    const whole = { streams: [], follow: false, start: FROM_THE_START, ...request };
    yield* this.#all("streamLogs", whole, options);
  }

  /**
   * The jobs that match, then each again when its status changes. After a broken connection all of them come
   * again as they are then.
   */
  async *watchJobs(request: WatchJobsRequest, options: CallOptions = {}): AsyncGenerator<Job> {
    yield* this.#all("watchJobs", request, options);
  }

  async signalJob(request: SignalJobRequest, options: CallOptions = {}): Promise<Job> {
    return await this.#one("signalJob", request, options);
  }

  async updateJob(request: UpdateJobRequest, options: CallOptions = {}): Promise<Job> {
    return await this.#one("updateJob", request, options);
  }

  /** Writes to the input of a job, across broken connections: the offset makes a repeat harmless. */
  async writeInput(
    request: WriteInputRequest,
    options: CallOptions = {},
  ): Promise<WriteInputResponse> {
    return await this.#one("writeInput", request, options);
  }

  async pruneJobs(
    request: PruneJobsRequest,
    options: CallOptions = {},
  ): Promise<PruneJobsResponse> {
    return await this.#one("pruneJobs", request, options);
  }

  /**
   * The lines of the audit trail, oldest first. After a broken connection it continues where it was: no line is
   * lost or repeated.
   */
  async *streamAudit(
    request: Brief<StreamAuditRequest> = {},
    options: CallOptions = {},
  ): AsyncGenerator<AuditBatch> {
    yield* this.#all("streamAudit", { ...ALL_LINES, ...request }, options);
  }

  /** The hosts of a fleet, if the daemon is its hub. */
  async listHosts(
    request: ListHostsRequest = {},
    options: CallOptions = {},
  ): Promise<ListHostsResponse> {
    return await this.#one("listHosts", request, options);
  }

  /**
   * Runs a command on many hosts of a fleet. After a broken connection it continues where it was: nothing is started
   * twice, and no byte of output is lost or repeated.
   */
  async *runJobs(
    request: RunJobsRequest,
    options: CallOptions = {},
  ): AsyncGenerator<RunJobsResponse> {
    yield* this.#all("runJobs", request, options);
  }

  async stopJobs(
    request: Brief<StopJobsRequest, "jobIds">,
    options: CallOptions = {},
  ): Promise<StopJobsResponse> {
    const whole = { stopSignal: "", gracePeriodMs: null, ...request };
    return await this.#one("stopJobs", whole, options);
  }

  /** Asks whether the daemon is serving. */
  async checkHealth(options: CallOptions = {}): Promise<"serving" | "not_serving"> {
    const limits = limitsOf(options);
    await this.#channel.ready(limits);
    const request = { service: JOB_WORKER_SERVICE };
    const { status } = await unaryCall(this.#channel.client, HEALTH.Check, request, limits);
    return status === "SERVING" ? "serving" : "not_serving";
  }

  /** Closes the connection once the calls in progress have ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#channel[Symbol.dispose]();
    return Promise.resolve();
  }

  /** Makes a call, and makes it again after a broken connection if it may be repeated. */
  async #one<Name extends UnaryMethod>(
    method: Name,
    request: RequestOf<Name>,
    options: CallOptions,
  ): Promise<AnswerOf<Name>> {
    const { writeRequest, readAnswer } = codecOf(method);
    const message = writeRequest(request);
    const limits = limitsOf(options);
    const maxAttempts = method === "startJob" ? MAX_START_ATTEMPTS : Infinity;
    const reconnection = this.#reconnect(limits, maxAttempts);
    while (true) {
      try {
        await this.#channel.ready(limits);
        const wireMethod = JOB_WORKER[wireName(method)];
        return readAnswer(await unaryCall(this.#channel.client, wireMethod, message, limits));
      } catch (error) {
        if (!METHODS[method].mayRepeat) throw error;
        await reconnection.recover(error);
      }
    }
  }

  /** Asks for a stream, and after a broken connection for the rest of it. */
  async *#all<Name extends StreamMethod>(
    method: Name,
    request: RequestOf<Name>,
    options: CallOptions,
  ): AsyncGenerator<AnswerOf<Name>> {
    const limits = limitsOf(options);
    const reconnection = this.#reconnect(limits);
    yield* resumed(method, request, (rest) => this.#stream(method, rest, limits), {
      succeeded: () => reconnection.succeeded(),
      recover: (error) => reconnection.recover(error),
    });
  }

  async *#stream<Name extends StreamMethod>(
    method: Name,
    request: RequestOf<Name>,
    limits: CallLimits,
  ): AsyncGenerator<AnswerOf<Name>> {
    const { writeRequest, readAnswer } = codecOf(method);
    await this.#channel.ready(limits);
    const wireMethod = JOB_WORKER[wireName(method)];
    for await (
      const message of streamCall(this.#channel.client, wireMethod, writeRequest(request), limits)
    ) yield readAnswer(message);
  }

  #reconnect(limits: CallLimits, maxAttempts = Infinity): Reconnection {
    const options = { ...this.#reconnection, maxAttempts };
    return new Reconnection(options, limits, connecting(this.#channel, limits));
  }
}

function limitsOf({ signal, timeoutMs = Infinity }: CallOptions): CallLimits {
  return { ...(signal && { signal }), deadline: Date.now() + timeoutMs };
}
