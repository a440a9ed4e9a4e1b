import type { Client, MethodDefinition, ServiceError } from "./grpc.ts";
import { Metadata } from "./grpc.ts";
import { errorFromStatus, isServiceError } from "./status.ts";

/** The limits of a call. */
export interface CallLimits {
  /** Cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** A time of `Date.now()`, or `Infinity`; the daemon is told it. */
  readonly deadline: number;
}

/**
 * Makes a call with one request and one response.
 *
 * @throws {JobWorkerError} for every status but OK
 */
export async function unaryCall<Request, Response>(
  client: Client,
  method: MethodDefinition<Request, Response>,
  request: Request,
  { signal, deadline }: CallLimits,
): Promise<Response> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const call = client.makeUnaryRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    new Metadata(),
    { deadline },
    (error: ServiceError | null, response?: Response) => {
      if (error === null && response !== undefined) resolve(response);
      else reject(error);
    },
  );
  const onAbort = () => call.cancel();
  signal?.addEventListener("abort", onAbort);
  try {
    return await promise;
  } catch (error) {
    throw callError(error, signal);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * Makes a call with one request and a stream of responses, which are read no faster than they are consumed. To
 * stop reading cancels the call.
 *
 * @throws {JobWorkerError} for every status but OK
 */
export async function* streamCall<Request, Response>(
  client: Client,
  method: MethodDefinition<Request, Response>,
  request: Request,
  { signal, deadline }: CallLimits,
): AsyncGenerator<Response> {
  signal?.throwIfAborted();
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    new Metadata(),
    { deadline },
  );
  // grpc-js emits the status of a cancelled call as an error even when nobody reads any more.
  call.on("error", () => {});
  const onAbort = () => call.cancel();
  signal?.addEventListener("abort", onAbort);
  try {
    for await (const response of call) yield response;
  } catch (error) {
    throw callError(error, signal);
  } finally {
    signal?.removeEventListener("abort", onAbort);
    call.cancel();
  }
}

function callError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  return isServiceError(error) ? errorFromStatus(error) : error;
}
