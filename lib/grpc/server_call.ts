import { JobWorkerError } from "../errors.ts";
import type { CallContext, Caller } from "../service/job_service.ts";
import type { ServerUnaryCall, StatusObject } from "./grpc.ts";
import { statusFromError } from "./status.ts";

/** What calls of every shape have in common. */
export interface ServerCall extends
  Pick<
    ServerUnaryCall<unknown, unknown>,
    "cancelled" | "getAuthContext" | "getDeadline" | "getPath" | "getPeer"
  > {
  on(event: "cancelled", listener: () => void): unknown;
  off(event: "cancelled", listener: () => void): unknown;
}

/** `open_ended`: only an event ends it, so that nobody can wait for its end. */
export type CallKind = "brief" | "open_ended";

/** The longest delay that a timer knows. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The calls that are being answered, whatever their shape. */
export class ServerCalls {
  readonly #open = new Map<AbortController, CallKind>();
  readonly #callerOf: (call: ServerCall) => Caller;
  readonly #onFault: (error: unknown, method: string) => void;
  #refusal: JobWorkerError | null = null;

  constructor(options: {
    /** Who calls; throws a `JobWorkerError` if nobody can be named. */
    callerOf(call: ServerCall): Caller;
    /** Told of every error that is not a `JobWorkerError`. */
    onFault(error: unknown, method: string): void;
  }) {
    this.#callerOf = options.callerOf;
    this.#onFault = options.onFault;
  }

  /**
   * Answers a call. The one signal of its context is aborted, always with a `JobWorkerError`, when
   * the client has left, when the deadline of the call has passed, and by {@linkcode end}.
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
    // grpc-js times the call as well, but its news queues behind what a slow client has yet to read.
    const remainingMs = Number(call.getDeadline()) - Date.now();
    const onDeadline = () =>
      controller.abort(new JobWorkerError("deadline_exceeded", "Deadline exceeded"));
    const timer = remainingMs < MAX_DELAY_MS ? setTimeout(onDeadline, remainingMs) : undefined;
    this.#open.set(controller, kind);
    try {
      if (this.#refusal !== null) throw this.#refusal;
      if (call.cancelled) onCancelled();
      call.on("cancelled", onCancelled);
      await answer({ caller: this.#callerOf(call), signal });
      return null;
    } catch (error) {
      // What an aborted service throws tells less than why it was aborted.
      const cause = signal.aborted ? signal.reason : error;
      return statusFromError(cause, (fault) => this.#onFault(fault, call.getPath()));
    } finally {
      call.off("cancelled", onCancelled);
      clearTimeout(timer);
      this.#open.delete(controller);
    }
  }

  /** Refuses calls that still come, and aborts the open ones, or only the open-ended of them. */
  end(reason: JobWorkerError, only?: CallKind): void {
    this.#refusal = reason;
    for (const [controller, kind] of this.#open) {
      if (only === undefined || kind === only) controller.abort(reason);
    }
  }
}
