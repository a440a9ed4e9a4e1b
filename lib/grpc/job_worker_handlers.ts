import type { Buffer } from "node:buffer";
import type { CallContext, JobService } from "../service/job_service.ts";
import {
  type AnswerOf,
  isOpenEnded,
  isStream,
  JOB_METHODS,
  type JobMethod,
  type RequestOf,
} from "../service/methods.ts";
import { codecOf, wireName } from "./codecs.ts";
import { decoderOf } from "./decode_request.ts";
import type { JobWorkerMethods } from "./gen/jobworker.ts";
import type { UntypedServiceImplementation } from "./grpc.ts";
import { MessagePieces } from "./message_pieces.ts";
import { JOB_WORKER } from "./protocol.ts";
import type { ServerCalls } from "./server_call.ts";
import { streamHandler } from "./stream_handler.ts";
import { unaryHandler } from "./unary_handler.ts";

// A method of the contract that `JobService` does not have does not compile.
null as unknown as keyof JobWorkerMethods satisfies Capitalize<JobMethod>;

/**
 * One thin handler per method: it decodes the request, calls the service, and encodes the answer. To grpc-js both
 * are bytes, see `RAW_JOB_WORKER`.
 */
export function jobWorkerHandlers(
  service: JobService,
  calls: ServerCalls,
): UntypedServiceImplementation {
  return Object.fromEntries(
    JOB_METHODS.map((method) => [wireName(method), handlerOf(method, service, calls)]),
  );
}

function handlerOf<Name extends JobMethod>(method: Name, service: JobService, calls: ServerCalls) {
  const { readRequest, writeAnswer, writeRest } = codecOf(method);
  const decode = decoderOf(method);
  const { responseSerialize } = JOB_WORKER[wireName(method)];
  const encode = (answer: AnswerOf<Name>) => {
    if (writeRest === undefined) return responseSerialize(writeAnswer(answer) as never);
    const [written, rest] = writeRest(answer);
    return new MessagePieces([...written, responseSerialize(rest as never)]);
  };
  const call = service[method].bind(service) as (
    request: RequestOf<Name>,
    context: CallContext,
  ) => unknown;
  if (isStream(method)) {
    return streamHandler(calls, async function* (bytes: Buffer, context) {
      const answers = call(readRequest(decode(bytes)), context) as AsyncIterable<AnswerOf<Name>>;
      for await (const answer of answers) yield encode(answer);
    });
  }
  return unaryHandler(
    calls,
    async (bytes: Buffer, context) =>
      encode(await (call(readRequest(decode(bytes)), context) as Promise<AnswerOf<Name>>)),
    isOpenEnded(method) ? "open_ended" : "brief",
  );
}
