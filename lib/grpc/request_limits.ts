import {
  JOB_METHODS,
  type JobMethod,
  MAX_DENIED_BYTES,
  mayCall,
  METHODS,
} from "../service/methods.ts";
import type { Caller } from "../service/job_service.ts";
import { wireName } from "./codecs.ts";
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "./grpc.ts";
import { type AnnouncedMessage, MessageDecoder } from "./message_decoder.ts";
import { JOB_WORKER } from "./protocol.ts";
import { MessageBudget, type MessageLimits } from "./message_budget.ts";

/** The most bytes of a request of the services beside ours: the name of a service, or of a file. */
const MAX_OTHER_BYTES = 8 * 1024;

/** Requests up to this size, which nearly all are, come in one piece or a few. */
const SMALL_REQUEST_BYTES = 64 * 1024;

/** For sixteen of the largest requests of a user at once, and for four such users. */
const RECEIVING_LIMITS: MessageLimits = {
  what: "requests",
  perUser: 64 * 1024 * 1024,
  total: 256 * 1024 * 1024,
};

/** By the path of a call. */
const METHOD_OF: ReadonlyMap<string, JobMethod> = new Map(
  JOB_METHODS.map((method) => [JOB_WORKER[wireName(method)].path, method]),
);

/** What of a call of grpc-js is not in its types, version 1.14.7. */
interface ReceivingCall {
  decoder: Pick<MessageDecoder, "write">;
  /** The limit of a message that was compressed, once it is not any more. */
  maxReceiveMessageSize: number;
  /** What it does when the client has sent everything. */
  handleEndEvent(): void;
}

/**
 * Bounds what is received of a request by its method and its caller, before it is received: grpc-js has one
 * size for all. A large request of somebody whose roles do not allow the method is replaced by an empty
 * one, which the service refuses at once, and audits, like any other.
 */
export function requestLimits(
  callerOf: (call: ServerInterceptingCallInterface) => Caller,
): ServerInterceptor {
  const budget = new MessageBudget(RECEIVING_LIMITS);
  return function limitRequest({ path }, call) {
    const method = METHOD_OF.get(path);
    const maxBytes = method === undefined ? MAX_OTHER_BYTES : METHODS[method].maxRequestBytes;
    const receiving = call as unknown as ReceivingCall;
    if (receiving.decoder === undefined) {
      throw new TypeError("Cannot bound a request: this is not a call of grpc-js 1.14.7");
    }
    receiving.maxReceiveMessageSize = maxBytes;
    let share: Disposable | null = null;
    const release = () => share?.[Symbol.dispose]();
    receiving.decoder = new MessageDecoder((message) => {
      if (isCheap(message)) return true;
      const { identity } = callerOf(call);
      if (method !== undefined && !mayCall(identity, method)) {
        // The answer does not wait for the rest, which nobody reads: right after the empty message is taken.
        queueMicrotask(() => receiving.handleEndEvent());
        return false;
      }
      if (message.bytes > maxBytes) {
        throw new RangeError(
          `Received message larger than max (${message.bytes} bytes, and ${path} takes ${maxBytes})`,
        );
      }
      if (message.bytes > SMALL_REQUEST_BYTES) share = budget.take(identity.user, message.bytes);
      return true;
    }, release);
    if (maxBytes <= SMALL_REQUEST_BYTES) return call as ServerInterceptingCall;
    // However the call ends.
    return new ServerInterceptingCall(call, { start: (next) => next({ onCancel: release }) });
  };
}

function isCheap({ bytes, isCompressed }: AnnouncedMessage): boolean {
  return bytes <= MAX_DENIED_BYTES && !isCompressed;
}
