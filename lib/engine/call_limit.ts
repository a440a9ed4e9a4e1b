import { JobWorkerError } from "../errors.ts";
import { isOpenEnded, type JobMethod } from "../service/methods.ts";

/** How many calls may be open at once. */
export interface CallLimitOptions {
  readonly maxCalls: number;
  /** Far fewer than all, so that no user can crowd out the others. */
  readonly maxCallsPerUser: number;
}

/** A call that is counted until it is disposed of. */
export interface CountedCall extends Disposable {
  /**
   * Also counts it for its user, once that is known.
   *
   * @throws `resource_exhausted`, naming the limit
   */
  assign(user: string, method: JobMethod): void;
}

/** The share reserved for calls that end soon: however many clients follow logs, a stop gets through. */
const RESERVE = 1 / 8;

/** Counts calls, in total and per user. */
export class CallLimit {
  readonly #options: CallLimitOptions;
  #calls = 0;
  readonly #callsByUser = new Map<string, number>();

  constructor(options: CallLimitOptions) {
    this.#options = options;
  }

  /** @throws `resource_exhausted`, naming the limit */
  enter(): CountedCall {
    const { maxCalls, maxCallsPerUser } = this.#options;
    checkLimit(this.#calls, maxCalls, "calls");
    this.#calls++;
    const entered = new DisposableStack();
    entered.defer(() => this.#calls--);
    return {
      assign: (user, method) => {
        const ofUser = this.#callsByUser.get(user) ?? 0;
        checkLimit(ofUser, maxCallsPerUser, `calls of user "${user}"`);
        const limit = isOpenEnded(method) ? Math.ceil((1 - RESERVE) * maxCalls) : maxCalls;
        checkLimit(this.#calls - 1, limit, "calls");
        this.#callsByUser.set(user, ofUser + 1);
        entered.defer(() => this.#leave(user));
      },
      [Symbol.dispose]: () => entered.dispose(),
    };
  }

  #leave(user: string): void {
    const left = (this.#callsByUser.get(user) ?? 0) - 1;
    if (left > 0) this.#callsByUser.set(user, left);
    else this.#callsByUser.delete(user);
  }
}

function checkLimit(count: number, max: number, what: string): void {
  if (count < max) return;
  throw new JobWorkerError("resource_exhausted", `More than ${max} ${what} at once`);
}
