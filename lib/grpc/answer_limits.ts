import { ERROR_CODES, messageOf } from "../errors.ts";
import type { Caller } from "../service/job_service.ts";
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "./grpc.ts";
import { MessageBudget, type MessageLimits } from "./message_budget.ts";

/** Answers up to this size, which nearly all are, cost less than the connection that they go over. */
const SMALL_ANSWER_BYTES = 64 * 1024;

/** A stream waits for its reader with each message. Those of a log are smaller than this; a job may be larger. */
const SMALL_MESSAGE_BYTES = 512 * 1024;

/** For 64 pages of a log of a user that wait to be read, and for four such users. */
const ANSWER_LIMITS: MessageLimits = {
  what: "answers",
  perUser: 64 * 1024 * 1024,
  total: 256 * 1024 * 1024,
};

/**
 * Bounds what is held of answers whose clients do not read them: HTTP/2 lets a client ask for a thousand of them
 * over one connection and take none.
 */
export function answerLimits(
  callerOf: (call: ServerInterceptingCallInterface) => Caller,
): ServerInterceptor {
  const budget = new MessageBudget(ANSWER_LIMITS);
  return function limitAnswer({ responseStream }, call) {
    const small = responseStream ? SMALL_MESSAGE_BYTES : SMALL_ANSWER_BYTES;
    return new LimitedCall(
      call,
      (bytes) => bytes > small ? budget.take(callerOf(call).identity.user, bytes) : null,
    );
  };
}

/** A call that takes memory for each message of its answer until that has been sent. */
class LimitedCall extends ServerInterceptingCall {
  readonly #take: (bytes: number) => Disposable | null;
  #taken: Disposable | null = null;

  constructor(
    call: ServerInterceptingCallInterface,
    take: (bytes: number) => Disposable | null,
  ) {
    // One whose client has left is never said to be sent.
    super(call, { start: (next) => next({ onCancel: () => this.#release() }) });
    this.#take = take;
  }

  override sendMessage(message: unknown, callback: () => void): void {
    const { byteLength = 0 } = message as Partial<Uint8Array>;
    try {
      this.#taken = this.#take(byteLength);
    } catch (error) {
      const code = ERROR_CODES.resource_exhausted.grpc;
      this.sendStatus({ code, details: messageOf(error), metadata: null });
      return;
    }
    super.sendMessage(message, () => {
      this.#release();
      callback();
    });
  }

  #release(): void {
    this.#taken?.[Symbol.dispose]();
  }
}
