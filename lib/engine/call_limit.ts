import { JobWorkerError } from "../errors.ts";

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
   * @param isLasting whether it may last as long as a job does
   * @throws `resource_exhausted`, naming the limit
   */
  assign(user: string, isLasting: boolean): void;
}

/**
 * The share reserved for calls that end soon: however many clients follow logs, a stop gets through. As much
 * of a user's own calls comes on top of these, for one who follows as many logs as a user may.
 */
const RESERVE = 1 / 8;

/** How many calls a user has open, of either kind. */
interface UserCalls {
  lasting: number;
  brief: number;
}

/** Counts calls, in total and per user. */
export class CallLimit {
  readonly #options: CallLimitOptions;
  #calls = 0;
  readonly #callsByUser = new Map<string, UserCalls>();

  constructor(options: CallLimitOptions) {
    this.#options = options;
  }

  /** @throws `resource_exhausted`, naming the limit */
  enter(): CountedCall {
    const { maxCalls } = this.#options;
    checkLimit(this.#calls, maxCalls, "calls");
    this.#calls++;
    const entered = new DisposableStack();
    entered.defer(() => this.#calls--);
    return {
      assign: (user, isLasting) => {
        this.#checkUser(user, isLasting);
        const limit = isLasting ? Math.ceil((1 - RESERVE) * maxCalls) : maxCalls;
        checkLimit(this.#calls - 1, limit, "calls");
        this.#count(user, isLasting, 1);
        entered.defer(() => this.#count(user, isLasting, -1));
      },
      [Symbol.dispose]: () => entered.dispose(),
    };
  }

  #checkUser(user: string, isLasting: boolean): void {
    const { maxCallsPerUser } = this.#options;
    const { lasting, brief } = this.#of(user);
    const isReserved = !isLasting && brief < Math.ceil(RESERVE * maxCallsPerUser);
    if (!isReserved) checkLimit(lasting + brief, maxCallsPerUser, `calls of user "${user}"`);
  }

  #of(user: string): UserCalls {
    return this.#callsByUser.get(user) ?? { lasting: 0, brief: 0 };
  }

  #count(user: string, isLasting: boolean, by: number): void {
    const calls = this.#of(user);
    calls[isLasting ? "lasting" : "brief"] += by;
    if (calls.lasting + calls.brief > 0) this.#callsByUser.set(user, calls);
    else this.#callsByUser.delete(user);
  }
}

function checkLimit(count: number, max: number, what: string): void {
  if (count < max) return;
  throw new JobWorkerError("resource_exhausted", `More than ${max} ${what} at once`);
}
