import type { OpenCall } from "./open_call.ts";

/** A call whose next page has not been asked for yet. */
interface KeptCall {
  readonly call: OpenCall;
  readonly caller: string;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Somebody who has asked for a page while the one before is still gathered. */
interface Waiting {
  readonly page: number;
  readonly caller: string;
  readonly resolve: (call: OpenCall | null) => void;
}

/** Options of {@linkcode KeptCalls}. */
export interface KeptCallsOptions {
  /** How long a call is kept of which nobody asks for the next page. */
  readonly idleMs: number;
  /** Ends a call. */
  readonly end: (call: OpenCall) => void;
}

/** Keeps calls from one page to the next, each by its id. */
export class KeptCalls implements Disposable {
  readonly #options: KeptCallsOptions;
  readonly #kept = new Map<string, KeptCall>();
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: KeptCallsOptions) {
    this.#options = options;
  }

  /** Keeps a call for whoever asks for its next page, or hands it over to who has done so already. */
  keep(id: string, call: OpenCall, caller: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting?.page === call.pages && waiting.caller === caller) {
      this.#waiting.delete(id);
      waiting.resolve(call);
      return;
    }
    this.#endKept(id);
    const timer = setTimeout(() => this.#endKept(id), this.#options.idleMs);
    this.#kept.set(id, { call, caller, timer });
  }

  /** @returns the call that has got as far as this page; any other of this id is ended */
  take(id: string, page: number, caller: string): OpenCall | null {
    const kept = this.#kept.get(id);
    if (kept?.call.pages !== page || kept.caller !== caller) {
      this.#endKept(id);
      return null;
    }
    this.#kept.delete(id);
    clearTimeout(kept.timer);
    return kept.call;
  }

  /**
   * Waits for the call to get as far as this page.
   *
   * @returns `null` if it does not in that time, or nobody waits any more
   */
  async reach(
    id: string,
    page: number,
    caller: string,
    { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<OpenCall | null> {
    const kept = this.#kept.get(id);
    if (kept?.call.pages === page) return this.take(id, page, caller);
    this.over(id);
    const { promise, resolve } = Promise.withResolvers<OpenCall | null>();
    const waiting = { page, caller, resolve };
    this.#waiting.set(id, waiting);
    // At once, so that no call is handed over to somebody who has left.
    const leave = () => {
      if (this.#waiting.get(id) === waiting) this.over(id);
    };
    const timer = setTimeout(leave, waitMs);
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    }
  }

  /** Nothing comes of a call any more. */
  over(id: string): void {
    this.#waiting.get(id)?.resolve(null);
    this.#waiting.delete(id);
  }

  [Symbol.dispose](): void {
    for (const id of this.#kept.keys()) this.#endKept(id);
    for (const id of this.#waiting.keys()) this.over(id);
  }

  #endKept(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    clearTimeout(kept.timer);
    this.#options.end(kept.call);
  }
}
