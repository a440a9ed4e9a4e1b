import { Counts } from "../counts.ts";
import { JobWorkerError } from "../errors.ts";
import type { CallContext, Caller } from "../service/job_service.ts";
import { traced } from "../tracing/trace.ts";
import type { ServerUnaryCall, StatusObject } from "./grpc.ts";
import { statusFromError } from "./status.ts";

/** What unary and streaming calls have in common. */
export interface ServerCall extends
  Pick<
    ServerUnaryCall<unknown, unknown>,
    "cancelled" | "getAuthContext" | "getDeadline" | "getPath" | "metadata"
  > {
  on(event: "cancelled", listener: () => void): unknown;
  off(event: "cancelled", listener: () => void): unknown;
}

/** `open_ended`: only an event ends it, so that a shutdown cannot wait for its end. */
export type CallKind = "brief" | "open_ended";

/** The longest delay that a timer knows. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Options of {@linkcode ServerCalls}. */
export interface ServerCallsOptions {
  /** Identifies the caller; throws a `JobWorkerError` if that is not possible. */
  callerOf(call: ServerCall): Caller;
  /** Told of every error that is not a `JobWorkerError`. */
  onFault(error: unknown, method: string): void;
  /** How many open-ended ones a user may have, and what they are, in plural; by default nothing is counted. */
  readonly limit?: { readonly maxPerUser: number; readonly what: string };
}

/** The unary and streaming calls that are being answered. */
export class ServerCalls {
  readonly #options: ServerCallsOptions;
  readonly #open = new Map<AbortController, CallKind>();
  readonly #openOf = new Counts<string>();
  #refusal: JobWorkerError | null = null;

  constructor(options: ServerCallsOptions) {
    this.#options = options;
  }

  /**
   * Answers a call. The signal of its context is aborted, always with a `JobWorkerError`, when the client has
   * left, when the deadline of the call has passed, and by {@linkcode end}.
   *
   * @returns the status that ends the call if `answer` has failed, or `null`
   */
  async run(
    call: ServerCall,
    kind: CallKind,
    answer: (context: CallContext) => Promise<void>,
  ): Promise<StatusObject | null> {
    const controller = new AbortController();
    const { signal } = controller;
    const onCancelled = () => controller.abort(new JobWorkerError("cancelled", "Call cancelled"));
    // grpc-js has a timer as well, but its report waits behind what a slow client has yet to read.
    const remainingMs = Number(call.getDeadline()) - Date.now();
    const onDeadline = () =>
      controller.abort(new JobWorkerError("deadline_exceeded", "Deadline exceeded"));
    const timer = remainingMs < MAX_DELAY_MS ? setTimeout(onDeadline, remainingMs) : undefined;
    this.#open.set(controller, kind);
    using counted = new DisposableStack();
    try {
      if (this.#refusal !== null) throw this.#refusal;
      if (call.cancelled) onCancelled();
      call.on("cancelled", onCancelled);
      const caller = this.#options.callerOf(call);
      if (kind === "open_ended") counted.use(this.#count(caller.identity.user));
      // Clients of Deno send this by themselves, if their traces are switched on, and others may.
      const parent = call.metadata.get("traceparent")[0]?.toString();
      await traced(
        call.getPath().slice(1),
        { kind: "server", parent },
        () => answer({ caller, signal }),
      );
      return null;
    } catch (error) {
      // The reason of the abort says more than the error that an aborted service throws.
      const cause = signal.aborted ? signal.reason : error;
      return statusFromError(cause, (fault) => this.#options.onFault(fault, call.getPath()));
    } finally {
      call.off("cancelled", onCancelled);
      clearTimeout(timer);
      this.#open.delete(controller);
    }
  }

  /** @throws `resource_exhausted`, naming the limit, if the user has as many open as they may */
  #count(user: string): Disposable | null {
    const { limit } = this.#options;
    if (limit === undefined) return null;
    if (this.#openOf.of(user) >= limit.maxPerUser) {
      const whose = `${limit.what} of user "${user}"`;
      const text = `More than ${limit.maxPerUser} ${whose} at once`;
      throw new JobWorkerError("resource_exhausted", text);
    }
    this.#openOf.add(user, 1);
    const counted = new DisposableStack();
    counted.defer(() => this.#openOf.add(user, -1));
    return counted;
  }

  /** Refuses new calls, and aborts the open ones, or only those of one kind. */
  end(reason: JobWorkerError, only?: CallKind): void {
    this.#refusal = reason;
    for (const [controller, kind] of this.#open) {
      if (only === undefined || kind === only) controller.abort(reason);
    }
  }
}
