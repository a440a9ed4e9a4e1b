import { JobWorkerError } from "../errors.ts";
import { Reconnection, type ReconnectionOptions } from "../net/reconnection.ts";
import type * as z from "../text/zod.ts";
import {
  type AnswerOf,
  METHODS,
  type RequestOf,
  type StreamMethod,
  type UnaryMethod,
} from "../service/methods.ts";
import { resumed } from "../service/resume.ts";
import { readAnswer, type RestConnection, type RestRequest } from "./connection.ts";
import type { ServerEvent } from "./event_stream.ts";
import type { OperationId } from "./operations.ts";

/** How often a start is attempted if its answer is lost. */
const MAX_START_ATTEMPTS = 5;

/** How long a daemon that tells what happens may be silent: it gives a sign of life every 15 s. */
export const SILENCE_MS = 60_000;

/** Calls methods by their operations, and calls them again after a broken connection where that does no harm. */
export class Calls {
  readonly #connection: RestConnection;
  readonly #reconnection: ReconnectionOptions;

  constructor(connection: RestConnection, reconnection: ReconnectionOptions) {
    this.#connection = connection;
    this.#reconnection = reconnection;
  }

  /** Makes a call that answers once. */
  async one<T>(
    method: UnaryMethod,
    operation: OperationId,
    schema: z.ZodType<T>,
    request: RestRequest,
  ): Promise<T> {
    const maxAttempts = method === "startJob" ? MAX_START_ATTEMPTS : Infinity;
    const reconnection = new Reconnection({ ...this.#reconnection, maxAttempts }, request);
    for (;;) {
      try {
        return readAnswer(schema, await this.#connection.json(operation, request));
      } catch (error) {
        if (!METHODS[method].mayRepeat || !this.#connection.wasReached) throw error;
        await reconnection.recover(error);
      }
    }
  }

  /** Asks for a stream, and after a broken connection for the rest of it. */
  async *all<Name extends StreamMethod>(
    method: Name,
    request: RequestOf<Name>,
    signal: AbortSignal | undefined,
    ask: (rest: RequestOf<Name>) => AsyncIterable<AnswerOf<Name>>,
  ): AsyncGenerator<AnswerOf<Name>> {
    const reconnection = new Reconnection(this.#reconnection, { signal });
    yield* resumed(method, request, ask, {
      succeeded: () => reconnection.succeeded(),
      recover: async (error) => {
        if (!this.#connection.wasReached) throw error;
        await reconnection.recover(error);
      },
    });
  }

  /**
   * The events of a stream up to the last one, `end`.
   *
   * @throws {JobWorkerError} `unavailable` if they end without it
   */
  async *events(operation: OperationId, request: RestRequest): AsyncGenerator<ServerEvent> {
    const silent = { silenceMs: SILENCE_MS };
    for await (const event of this.#connection.events(operation, { ...silent, ...request })) {
      if (event.type === "end") return;
      yield event;
    }
    throw cutOff();
  }
}

/** For a stream that ends before it should. */
export function cutOff(): JobWorkerError {
  return new JobWorkerError("unavailable", "The answer of the daemon was cut off");
}
