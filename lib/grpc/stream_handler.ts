import { abortable } from "../async/abortable.ts";
import type { CallContext } from "../service/job_service.ts";
import type { handleServerStreamingCall, ServerWritableStream } from "./grpc.ts";
import type { ServerCalls } from "./server_call.ts";

/** Turns an async generator into the handler that grpc-js needs for a method that streams responses. */
export function streamHandler<Request, Response>(
  calls: ServerCalls,
  answer: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return async function handleStream(call) {
    const failure = await calls.run(call, "open_ended", async (context) => {
      for await (const message of answer(call.request, context)) {
        await write(call, message, context.signal);
      }
    });
    if (failure === null) call.end();
    else call.emit("error", failure);
  };
}

/**
 * Sends one message and waits until HTTP/2 has taken it. This is the only place that waits for a slow reader:
 * `call.write()` and its `drain` event would let 16 messages, 4 MiB of log, queue in memory for each reader.
 *
 * @throws the reason of the signal, once that is aborted, because a call that has ended never confirms a write
 */
export async function write<Response>(
  call: Pick<ServerWritableStream<never, Response>, "write">,
  message: Response,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  call.write(message, () => resolve());
  await abortable(promise, signal);
}
