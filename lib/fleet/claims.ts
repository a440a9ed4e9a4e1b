import { abortable } from "../async/abortable.ts";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { Semaphore } from "../async/semaphore.ts";
import { Counts } from "../counts.ts";
import { type ErrorCode, JOB_REMOVED, JobWorkerError, messageOf } from "../errors.ts";
import type { EarlyLog, Job, LogBatch } from "../service/job_service.ts";
import { hasNoProcess } from "./known_job.ts";
import { MAX_LIFETIME_MS, MAX_SKEW_MS } from "./envelope.ts";
import type { FleetHosts } from "./fleet_hosts.ts";
import type { QueueStore, StoredEntry } from "./queue_store.ts";
import { isRegistryAway } from "./registry_away.ts";
import type { PendingStart } from "./sealed_starts.ts";
import { isUnanswered, silent } from "./unanswered.ts";

/** How long a host takes a call for valid, whose clock may differ. */
const MAY_COME_MS = MAX_LIFETIME_MS + MAX_SKEW_MS;

/** The pauses before a host is asked again. It is asked at once when it is back. */
const PAUSE_MS = { first: 250, last: 10_000 };

/**
 * If a call has failed within this time, what carried it did, and the host is asked once more before anybody is told:
 * so it is with the calls under way when nats-server loads its configuration again.
 */
const AT_ONCE_MS = 1_000;

/** How long a host is asked again that cannot start anything at the moment. */
const TRY_FOR_MS = 60_000;

/** How much of what is to be started is in memory at a time, in bytes. */
const MAX_OPEN_BYTES = 64 * 2 ** 20;

/** What is known of a start that a host was given. */
export type ClaimNews =
  /** It has the job. */
  | { readonly kind: "started"; readonly job: Job }
  /** Something else has become of the start meanwhile. */
  | { readonly kind: "over" }
  | {
    /**
     * `full`: it has no room for the job, which is not there. `refused`: it does not start the job. `silent`: it has
     * not answered, and is asked again.
     */
    readonly kind: "full" | "refused" | "silent";
    readonly error: JobWorkerError;
    /** Whether it was asked at all. */
    readonly isSent: boolean;
  };

/** How a start is given to its host. */
export interface GiveOptions {
  /** Whether somebody may have asked the host before. */
  readonly mayHaveCome?: boolean;
  readonly early?: EarlyLog | undefined;
}

/** What {@linkcode Claims} works with. */
export interface ClaimsParts {
  readonly hosts: FleetHosts;
  readonly store: QueueStore;
  /** What a job is started with; throws if it may not be started any more. */
  readonly open: (jobId: string) => Promise<PendingStart | undefined>;
  /** Records that a host has started a job. */
  readonly started: (host: string, job: Job) => Promise<void>;
  /** Told of each claim; what is not `silent` is the last. */
  readonly onNews: (entry: StoredEntry, news: ClaimNews) => Promise<void>;
  /** How long a call that was not answered may still come to the host; by default as long as a host takes it. */
  readonly mayComeMs?: number;
  readonly onFault: (error: unknown, jobId: string) => void;
}

/**
 * The starts that hosts were given. Each is given to the same host again and again until that answers, so it runs
 * there once: the host knows it by its id.
 */
export class Claims implements AsyncDisposable {
  readonly #parts: ClaimsParts;
  readonly #shares = new Semaphore({ total: MAX_OPEN_BYTES, maxWaiting: Infinity, refusal: "" });
  readonly #giving = new Set<Promise<void>>();
  readonly #jobs = new Counts<string>();
  readonly #closing = new AbortController();

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /** Whether a host is being asked to start this job. */
  has(jobId: string): boolean {
    return this.#jobs.of(jobId) > 0;
  }

  give(entry: StoredEntry, options: GiveOptions = {}): void {
    const { jobId } = entry;
    this.#jobs.add(jobId, 1);
    const giving = this.#give(entry, options).catch((error) => {
      if (!this.#closing.signal.aborted) this.#parts.onFault(error, jobId);
    }).finally(() => {
      this.#jobs.add(jobId, -1);
      this.#giving.delete(giving);
    });
    this.#giving.add(giving);
  }

  /** Asks nobody any more: the next hub does. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new JobWorkerError("unavailable", "The hub is shutting down"));
    await Promise.all(this.#giving);
  }

  async #give(entry: StoredEntry, { mayHaveCome = false, early }: GiveOptions): Promise<void> {
    const { onNews, onFault, hosts, mayComeMs = MAY_COME_MS } = this.#parts;
    const { signal } = this.#closing;
    const nextPause = doubling(PAUSE_MS);
    const since = performance.now();
    // Once: whoever waits for it follows the job by itself if the first answer was lost.
    let untold = early;
    let isFirst = true;
    let mayComeUntil = mayHaveCome ? since + mayComeMs : 0;
    for (;;) {
      signal.throwIfAborted();
      // What is heard from now on may be that it is back.
      using back = this.#nextHeard(entry.host);
      const askedAt = performance.now();
      const news = await this.#ask(entry, untold);
      untold = undefined;
      signal.throwIfAborted();
      const isLast = isFinal(news, {
        mayComeStill: askedAt < mayComeUntil,
        triedForMs: askedAt - since,
      });
      if (news.kind === "silent" && news.isSent) mayComeUntil = performance.now() + mayComeMs;
      const hasFailedAtOnce = news.kind === "silent" && performance.now() - askedAt < AT_ONCE_MS;
      const isPassing = isFirst && hasFailedAtOnce && hosts.isOnline(entry.host);
      isFirst = false;
      try {
        const told = isLast || !("error" in news) ? news : { ...news, kind: "silent" as const };
        if (!isPassing) await onNews(entry, told);
        if (isLast) return;
      } catch (error) {
        onFault(error, entry.jobId);
      }
      if (hosts.isOnline(entry.host)) await delay(nextPause(), { signal });
      else await abortable(back.heard, signal);
    }
  }

  async #ask(
    { jobId, host, bytes }: StoredEntry,
    early: EarlyLog | undefined,
  ): Promise<ClaimNews> {
    const { hosts, store, open, started, onFault } = this.#parts;
    const { signal } = this.#closing;
    let isSent = false;
    try {
      using _share = await this.#shares.acquire(Math.min(bytes, MAX_OPEN_BYTES), signal);
      // However long the process is held up after it has looked, nothing that comes to the host later counts there.
      const decidedAt = Date.now();
      const entry = await store.get(jobId);
      const isOurs = entry?.host === host && entry.isHere && !entry.isAnswered;
      if (!isOurs) return { kind: "over" };
      if (!hosts.has(host)) throw silent(`Host "${host}" is not in the fleet any more`);
      const { service } = hosts.reach(host);
      const pending = await open(jobId);
      if (pending === undefined) return { kind: "over" };
      const { start, caller } = pending;
      isSent = true;
      const ends: Job[] = [];
      const noted = early && {
        ...early,
        take(batch: LogBatch) {
          if (batch.finishedJob !== null) ends.push(batch.finishedJob);
          early.take(batch);
        },
      };
      const context = { caller, signal, decidedAt, ...(noted && { early: noted }) };
      const job = await service.placeJob({ jobId, start }, context);
      if (hasNoProcess(job)) throw silent(`Host "${host}" has not started the job yet`);
      await started(host, ends.at(-1) ?? job).catch((error) => {
        throw unnoted(error, host);
      });
      return { kind: "started", job: { ...job, host } };
    } catch (error) {
      if (isUnanswered(error) || isRegistryAway(error)) return { kind: "silent", error, isSent };
      if (!(error instanceof JobWorkerError)) {
        onFault(error, jobId);
        return { kind: "silent", error: silent(messageOf(error), { cause: error }), isSent };
      }
      const isFull = error.code === "resource_exhausted" && error.reason !== "E2BIG";
      return { kind: isFull ? "full" : "refused", error, isSent };
    }
  }

  #nextHeard(host: string): Disposable & { readonly heard: Promise<void> } {
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    const watching = this.#parts.hosts.watchHosts((name) => name === host && resolve());
    return { heard, [Symbol.dispose]: () => watching[Symbol.dispose]() };
  }
}

/** Whether the host need not be asked again. */
function isFinal(
  news: ClaimNews,
  { mayComeStill, triedForMs }: { readonly mayComeStill: boolean; readonly triedForMs: number },
): boolean {
  if (!("error" in news)) return true;
  // It was there, so whatever comes still starts nothing.
  if (news.error.reason === JOB_REMOVED) return true;
  if (news.kind === "silent" || mayComeStill) return false;
  return triedForMs >= TRY_FOR_MS || !PASSING.includes(news.error.code);
}

/** What a host says if something is wrong with itself: some of the job may have run, and it is asked about that. */
const PASSING: readonly ErrorCode[] = ["unavailable", "internal", "deadline_exceeded", "cancelled"];

/** It runs, so it must be found there, whatever is wrong with the registry. */
function unnoted(error: unknown, host: string): JobWorkerError {
  const text = `Host "${host}" has started the job, but the hub cannot write that down`;
  return silent(`${text}: ${messageOf(error)}`, { cause: error });
}
