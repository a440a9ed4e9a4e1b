import { JobWorkerError, messageOf } from "../errors.ts";
import type {
  CallContext,
  GetOutputRequest,
  GetOutputResponse,
  Job,
  JobMethod,
  JobRequest,
  JobService,
  LimitJobTimeRequest,
  ListJobsRequest,
  ListJobsResponse,
  LogBatch,
  PruneJobsRequest,
  PruneJobsResponse,
  SignalJobRequest,
  StartJobRequest,
  StopJobRequest,
  StreamLogsRequest,
  WatchJobsRequest,
  WriteInputRequest,
  WriteInputResponse,
} from "../service/job_service.ts";
import { decodeFrame, decodeFrames } from "./frames.ts";
import {
  decodeBatch,
  decodeMessage,
  decodeOutput,
  type Message,
  type StreamMethod,
  type UnaryMethod,
} from "./messages.ts";

type ValueMessage = Extract<Message, { kind: "value" }>;

/**
 * What stands for a host in the URLs of requests on the socket, and has to be permitted. A name would
 * be looked up in the DNS for every connection; this address is nobody's (RFC 5737).
 */
export const ENGINE_HOST = "192.0.2.1";

/** The engine's `JobService`, from another process. */
export class EngineClient implements JobService, Disposable {
  readonly #http: Deno.HttpClient;

  /** @param path the Unix socket of the engine */
  constructor(path: string) {
    this.#http = Deno.createHttpClient({
      proxy: { transport: "unix", path },
      // After a rush, those that nobody needs would hold descriptors on both sides for 90 s.
      poolIdleTimeout: 5000,
    });
  }

  async startJob(request: StartJobRequest, context: CallContext): Promise<Job> {
    return (await this.#one("startJob", request, context)).value as Job;
  }

  async stopJob(request: StopJobRequest, context: CallContext): Promise<Job> {
    return (await this.#one("stopJob", request, context)).value as Job;
  }

  async getJob(request: JobRequest, context: CallContext): Promise<Job> {
    return (await this.#one("getJob", request, context)).value as Job;
  }

  async listJobs(request: ListJobsRequest, context: CallContext): Promise<ListJobsResponse> {
    return (await this.#one("listJobs", request, context)).value as ListJobsResponse;
  }

  async waitJob(request: JobRequest, context: CallContext): Promise<Job> {
    return (await this.#one("waitJob", request, context)).value as Job;
  }

  async getOutput(request: GetOutputRequest, context: CallContext): Promise<GetOutputResponse> {
    const { value, bytes } = await this.#one("getOutput", request, context);
    return decodeOutput(value, bytes);
  }

  async *streamLogs(request: StreamLogsRequest, context: CallContext): AsyncIterable<LogBatch> {
    for await (const { value, bytes } of this.#all("streamLogs", request, context)) {
      yield decodeBatch(value, bytes);
    }
  }

  async *watchJobs(request: WatchJobsRequest, context: CallContext): AsyncIterable<Job> {
    for await (const { value } of this.#all("watchJobs", request, context)) yield value as Job;
  }

  async signalJob(request: SignalJobRequest, context: CallContext): Promise<Job> {
    return (await this.#one("signalJob", request, context)).value as Job;
  }

  async limitJobTime(request: LimitJobTimeRequest, context: CallContext): Promise<Job> {
    return (await this.#one("limitJobTime", request, context)).value as Job;
  }

  async writeInput(request: WriteInputRequest, context: CallContext): Promise<WriteInputResponse> {
    const encoded = { ...request, data: request.data.toBase64() };
    return (await this.#one("writeInput", encoded, context)).value as WriteInputResponse;
  }

  async pruneJobs(request: PruneJobsRequest, context: CallContext): Promise<PruneJobsResponse> {
    return (await this.#one("pruneJobs", request, context)).value as PruneJobsResponse;
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }

  async #one(method: UnaryMethod, request: unknown, context: CallContext): Promise<ValueMessage> {
    try {
      const response = await this.#ask(method, request, context);
      // All of it at once: to take it as a stream would cost more than the rest of the call.
      const message = decodeMessage(decodeFrame(await response.bytes()));
      if (message.kind === "value") return message;
      throw message.kind === "error" ? message.error : gone("the answer is empty");
    } catch (error) {
      throw failure(error, context);
    }
  }

  async *#all(
    method: StreamMethod,
    request: unknown,
    context: CallContext,
  ): AsyncGenerator<ValueMessage, void, undefined> {
    try {
      const response = await this.#ask(method, request, context);
      for await (const frame of decodeFrames(response.body ?? ReadableStream.from([]))) {
        const message = decodeMessage(frame);
        if (message.kind === "end") return;
        if (message.kind === "error") throw message.error;
        yield message;
      }
      throw gone("the answer breaks off");
    } catch (error) {
      throw failure(error, context);
    }
  }

  async #ask(
    method: JobMethod,
    request: unknown,
    { caller, signal }: CallContext,
  ): Promise<Response> {
    const response = await fetch(`http://${ENGINE_HOST}/${method}`, {
      client: this.#http,
      method: "POST",
      body: JSON.stringify({ request, caller }),
      signal,
    });
    if (!response.ok) throw gone(await response.text());
    return response;
  }
}

function failure(error: unknown, { signal }: CallContext): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof JobWorkerError ? error : gone(messageOf(error), error);
}

function gone(why: string, cause?: unknown): JobWorkerError {
  return new JobWorkerError("unavailable", `The job engine does not answer: ${why}`, { cause });
}
