import type { CallContext } from "../service/job_service.ts";
import type { handleUnaryCall } from "./grpc.ts";
import type { CallKind, ServerCalls } from "./server_call.ts";

/** Turns an async function into the handler that grpc-js needs for a method with one response. */
export function unaryHandler<Request, Response>(
  calls: ServerCalls,
  answer: (request: Request, context: CallContext) => Promise<Response>,
  kind: CallKind = "brief",
): handleUnaryCall<Request, Response> {
  return async function handleUnary(call, callback) {
    const failure = await calls.run(call, kind, async (context) => {
      callback(null, await answer(call.request, context));
    });
    if (failure !== null) callback(failure);
  };
}
