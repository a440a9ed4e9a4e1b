import { KeyedSemaphore } from "../async/keyed_semaphore.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { ProcessGroups } from "../process/process_groups.ts";
import type { Tools } from "../process/tools.ts";
import { type Rights, rightsOf } from "../process/users.ts";

/**
 * How many processes look at files for one user at once. How many wait, and how many there are in all, is bounded by
 * the jobs that may be started: each holds its place among those that run.
 */
const LOOKUPS_PER_USER = { total: 16, maxWaiting: Infinity, refusal: "" };

/** The descriptors that one takes: for its process, its input and its output. */
export const DESCRIPTORS_PER_LOOKUP = 3;

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

/**
 * Asks about paths with the rights that a job will have: with ours, those of root, a client would be let into
 * directories, and learn of files, that are none of that user's business. Each user has so many turns, so that
 * one whose processes suspend those that ask keeps nobody else waiting, and takes no more than its share.
 */
export class UserLookups {
  readonly #options: UserLookupsOptions;
  /** By user id. */
  readonly #turns = new KeyedSemaphore<number>(LOOKUPS_PER_USER);

  constructor(options: UserLookupsOptions) {
    this.#options = options;
  }

  /** @throws `unavailable` if there is no answer in time, or before the signal */
  async ask<T>(
    user: Rights,
    ask: (groups: ProcessGroups) => Promise<T>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const { tools, timeoutMs = TIMEOUT_MS } = this.#options;
    const ending = new AbortController();
    const onTimeout = () => ending.abort(new Error(`no answer within ${timeoutMs} ms`));
    const timer = setTimeout(onTimeout, timeoutMs);
    const onLeft = () => ending.abort(new Error("nobody waits for the answer any more"));
    options.signal?.addEventListener("abort", onLeft, { once: true });
    if (options.signal?.aborted) onLeft();
    try {
      using _turn = await this.#turns.acquire(user.uid, 1, ending.signal);
      await using theirs = new ProcessGroups({
        setsid: tools.setsid,
        through: [tools.setpriv, ...rightsOf(user), "--"],
        sh: tools.sh,
        signal: ending.signal,
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
      options.signal?.removeEventListener("abort", onLeft);
    }
  }
}
