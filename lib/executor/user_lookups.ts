import { abortable } from "../async/abortable.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { ProcessGroups } from "../process/process_groups.ts";
import type { Tools } from "../process/tools.ts";
import { type Rights, rightsOf } from "../process/users.ts";

/** The descriptors that one takes: for its process, its input and its output. */
export const DESCRIPTORS_PER_LOOKUP = 3;

/**
 * Asking about a few paths takes milliseconds, but it is done with the rights of a job's user, whose other
 * processes could suspend the one that asks.
 */
const TIMEOUT_MS = 20_000;

/** How long a process that says nothing is waited for before another is asked. */
const SILENT_MS = 2_000;

/** How long it may say nothing before others are not made to wait for it, too: it may look at a slow disk. */
const SLOW_MS = 500;

/** How long a process that nobody asks is kept for the next job of its user. */
const IDLE_MS = 1_000;

/** How long one is kept at most, as the groups of a user may change. */
const MAX_AGE_MS = 5_000;

/** Options of {@linkcode UserLookups}. */
export interface UserLookupsOptions {
  readonly tools: Tools;
  /** 20 s by default. */
  readonly timeoutMs?: number;
  /** 1 s by default. */
  readonly idleMs?: number;
}

/** A process with the rights of a user, and those who ask it. */
interface Lookup {
  readonly groups: ProcessGroups;
  /** Kills it: it may be suspended. */
  readonly ending: AbortController;
  readonly startedAt: number;
  asking: number;
  /** When it last had nothing to answer, or answered. */
  heardAt: number;
  idle: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Asks about paths with the rights that a job will have: with ours, those of root, a client would be let into
 * directories, and learn of files, that are none of that user's business. Each user whose jobs are being started
 * has a process of its own for that, so that one whose processes suspend it keeps nobody else waiting.
 */
export class UserLookups implements AsyncDisposable {
  readonly #options: UserLookupsOptions;
  /** Those that take questions, by user and group id. */
  readonly #lookups = new Map<string, Lookup>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: UserLookupsOptions) {
    this.#options = options;
  }

  /** @throws `unavailable` if there is no answer in time, or before the signal */
  async ask<T>(
    user: Rights,
    ask: (groups: ProcessGroups) => Promise<T>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const ending = new AbortController();
    const onTimeout = () => ending.abort(new Error(`no answer within ${timeoutMs} ms`));
    const timer = setTimeout(onTimeout, timeoutMs);
    const onLeft = () => ending.abort(new Error("nobody waits for the answer any more"));
    options.signal?.addEventListener("abort", onLeft, { once: true });
    if (options.signal?.aborted) onLeft();
    const key = `${user.uid}:${user.gid}`;
    try {
      ending.signal.throwIfAborted();
      const lookup = this.#lookupOf(key, user);
      // A dynamic user has but one job, and is another's afterwards.
      let isOfUse = false;
      lookup.asking++;
      try {
        const answer = await abortable(ask(lookup.groups), ending.signal);
        lookup.heardAt = performance.now();
        isOfUse = user.isDynamic !== true;
        return answer;
      } finally {
        lookup.asking--;
        this.#left(key, lookup, isOfUse);
      }
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

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, lookup] of this.#lookups) this.#end(key, lookup);
    await Promise.all(this.#closing);
  }

  #lookupOf(key: string, user: Rights): Lookup {
    const kept = this.#lookups.get(key);
    const now = performance.now();
    if (kept?.asking === 0) {
      clearTimeout(kept.idle);
      kept.heardAt = now;
      // Another process of that user may have suspended it.
      kept.groups.shell.resume();
    }
    if (kept !== undefined && now - kept.startedAt < MAX_AGE_MS && now - kept.heardAt < SLOW_MS) {
      return kept;
    }
    // One that has become too old or slow ends with those who ask it.
    if (kept?.asking === 0) this.#end(key, kept);
    const { tools } = this.#options;
    const ending = new AbortController();
    const lookup: Lookup = {
      groups: new ProcessGroups({
        setsid: tools.setsid,
        through: [tools.setpriv, ...rightsOf(user), "--"],
        sh: tools.sh,
        signal: ending.signal,
        silentMs: SILENT_MS,
      }),
      ending,
      startedAt: now,
      heardAt: now,
      asking: 0,
      idle: undefined,
    };
    this.#lookups.set(key, lookup);
    return lookup;
  }

  #left(key: string, lookup: Lookup, isOfUse: boolean): void {
    if (lookup.asking > 0) return;
    if (this.#lookups.get(key) !== lookup || !isOfUse) return this.#end(key, lookup);
    lookup.idle = setTimeout(() => this.#end(key, lookup), this.#options.idleMs ?? IDLE_MS);
  }

  #end(key: string, lookup: Lookup): void {
    clearTimeout(lookup.idle);
    if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
    lookup.ending.abort(new Error("The lookup has ended"));
    const closed = lookup.groups[Symbol.asyncDispose]().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
