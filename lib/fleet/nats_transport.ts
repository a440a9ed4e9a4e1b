import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { JobWorkerError, messageOf } from "../errors.ts";
import { bytesOf } from "./nats_connection.ts";
import { callSubject, CANCEL, lastToken } from "./subjects.ts";
import { type FleetRequestOptions, type FleetTransport, HOST_OFFLINE } from "./transport.ts";

/** The status that a server answers with for a subject that nobody listens to. */
const NO_RESPONDERS = 503;

/** Options of {@linkcode NatsTransport}. */
export interface NatsTransportOptions {
  /** Where answers go, with a token for each call below it. */
  readonly inbox: string;
  /** Told of a host for which nobody listens. */
  readonly onSilent: (host: string) => void;
  /** Told when the connection is lost, and when there is one again. */
  readonly onConnected: (isConnected: boolean) => void;
  /** Told of what the server refuses. */
  readonly onFault: (error: unknown) => void;
}

interface Waiting {
  readonly host: string;
  readonly answer: PromiseWithResolvers<Uint8Array<ArrayBuffer>>;
}

/**
 * Carries calls by a connection to NATS. It has requests of its own: those of the client heed no signal, and are
 * not told when the connection is lost.
 */
export class NatsTransport implements FleetTransport, AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly #options: NatsTransportOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #watching: Promise<void>;
  #calls = 0;
  #isConnected = true;

  constructor(connection: NatsConnection, options: NatsTransportOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.subscribe(`${options.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else options.onFault(error);
      },
    });
    this.#watching = this.#watch();
  }

  async request(
    host: string,
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    { signal, timeoutMs }: FleetRequestOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    signal.throwIfAborted();
    if (!this.#isConnected) throw this.#disconnected();
    const id = `${++this.#calls}`;
    const reply = `${this.#options.inbox}.${id}`;
    const answer = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    const leave = (reason: unknown) => {
      // Nobody will take the answer, so the host need not work for it.
      this.#publish(callSubject(host, CANCEL), new TextEncoder().encode(reply));
      answer.reject(reason);
    };
    const timer = setTimeout(() => leave(late(host, timeoutMs)), timeoutMs);
    const onAbort = () => leave(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.set(id, { host, answer });
    try {
      this.#connection.publish(callSubject(host, method), bytes, { reply });
      return await answer.promise;
    } catch (error) {
      throw error instanceof JobWorkerError || signal.aborted ? error : this.#unsent(error, bytes);
    } finally {
      this.#waiting.delete(id);
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    }
  }

  /** Ends the calls to a host that does not seem to be there any more. */
  drop(host: string, error: JobWorkerError): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.host === host) waiting.answer.reject(error);
    }
  }

  /** Ends the calls with `unavailable`, and closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isConnected = false;
    this.#failAll(new JobWorkerError("unavailable", "The hub is shutting down"));
    await this.#connection.close();
    await this.#watching;
  }

  #take(message: Msg): void {
    const waiting = this.#waiting.get(lastToken(message.subject));
    if (waiting === undefined) return;
    const { host, answer } = waiting;
    const { headers } = message;
    if (headers === undefined || !headers.hasError) {
      answer.resolve(bytesOf(message));
    } else if (headers.code === NO_RESPONDERS) {
      answer.reject(offline(host));
      this.#options.onSilent(host);
    } else {
      answer.reject(
        new JobWorkerError("resource_exhausted", `Host "${host}": ${headers.description}`),
      );
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      switch (status.type) {
        case "disconnect":
          this.#isConnected = false;
          this.#failAll(this.#disconnected());
          this.#options.onConnected(false);
          break;
        case "reconnect":
          this.#isConnected = true;
          this.#options.onConnected(true);
          break;
        case "error":
          this.#options.onFault(status.error);
          break;
      }
    }
  }

  #failAll(error: JobWorkerError): void {
    for (const { answer } of this.#waiting.values()) answer.reject(error);
  }

  #publish(subject: string, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#isConnected) this.#connection.publish(subject, bytes);
  }

  #disconnected(): JobWorkerError {
    const server = this.#connection.getServer();
    return new JobWorkerError("unavailable", `The hub has no connection to NATS at ${server}`);
  }

  /** What is thrown for a call that the client does not even send. */
  #unsent(error: unknown, bytes: Uint8Array<ArrayBuffer>): JobWorkerError {
    const max = this.#connection.info?.max_payload ?? Infinity;
    if (bytes.byteLength > max) {
      const text = `The request is too large for NATS: ${bytes.byteLength} bytes of at most ${max}`;
      return new JobWorkerError("resource_exhausted", text, { cause: error });
    }
    const text = `The hub cannot send to NATS: ${messageOf(error)}`;
    return new JobWorkerError("unavailable", text, { cause: error });
  }
}

function offline(host: string): JobWorkerError {
  return new JobWorkerError(
    "unavailable",
    `Host "${host}" is offline: nobody answers for it on NATS`,
    { reason: HOST_OFFLINE },
  );
}

function late(host: string, timeoutMs: number): JobWorkerError {
  const text = `Host "${host}" has not answered within ${timeoutMs} ms`;
  return new JobWorkerError("deadline_exceeded", text);
}
