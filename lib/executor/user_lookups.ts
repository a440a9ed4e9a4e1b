import { Semaphore } from "../async/semaphore.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { ProcessGroups } from "../process/process_groups.ts";
import type { Tools } from "../process/tools.ts";
import { type Rights, rightsOf } from "../process/users.ts";

/** How many processes look at files for one user at once. */
const MAX_AT_ONCE = 16;

/**
 * Asking about a few paths takes milliseconds, but it is done with the rights of a job's user, whose other
 * processes could suspend the one that asks.
 */
const TIMEOUT_MS = 20_000;

/** Options of {@linkcode UserLookups}. */
export interface UserLookupsOptions {
  readonly tools: Tools;
  /** 20 s by default, the wait for a turn included. */
  readonly timeoutMs?: number;
}

interface Turns {
  readonly turns: Semaphore;
  /** How many have a turn, or wait for one. */
  count: number;
}

/**
 * Asks about paths with the rights that a job will have: with ours, those of root, a client would be let into
 * directories, and learn of files, that are none of that user's business. Each user has so many turns, so that
 * one whose processes suspend those that ask keeps nobody else waiting, and takes no more than its share.
 */
export class UserLookups {
  readonly #options: UserLookupsOptions;
  /** By user id. */
  readonly #turns = new Map<number, Turns>();

  constructor(options: UserLookupsOptions) {
    this.#options = options;
  }

  /** @throws `unavailable` if there is no answer in time */
  async ask<T>(user: Rights, ask: (groups: ProcessGroups) => Promise<T>): Promise<T> {
    const { tools, timeoutMs = TIMEOUT_MS } = this.#options;
    const timeout = new AbortController();
    const onTimeout = () => timeout.abort(new Error(`no answer within ${timeoutMs} ms`));
    const timer = setTimeout(onTimeout, timeoutMs);
    try {
      using _turn = await this.#turn(user.uid, timeout.signal);
      await using theirs = new ProcessGroups({
        setsid: tools.setsid,
        through: [tools.setpriv, ...rightsOf(user), "--"],
        sh: tools.sh,
        signal: timeout.signal,
      });
      return await ask(theirs);
    } catch (error) {
      if (error instanceof JobWorkerError) throw error;
      throw new JobWorkerError(
        "unavailable",
        `Cannot start the job: cannot look at files as user ${user.uid}: ${messageOf(error)}`,
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  async #turn(uid: number, signal: AbortSignal): Promise<Disposable> {
    const users = this.#turns.get(uid) ?? { turns: newTurns(), count: 0 };
    this.#turns.set(uid, users);
    users.count++;
    using taken = new DisposableStack();
    taken.defer(() => {
      if (--users.count === 0) this.#turns.delete(uid);
    });
    taken.use(await users.turns.acquire(1, signal));
    return taken.move();
  }
}

function newTurns(): Semaphore {
  // How many wait is bounded by the calls that there may be.
  return new Semaphore({ total: MAX_AT_ONCE, maxWaiting: Infinity, refusal: "" });
}
