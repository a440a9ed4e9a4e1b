import { WakeUp } from "../../async/wake_up.ts";
import { JobWorkerError, messageOf } from "../../errors.ts";
import { isLastEvent } from "../../job/run_event.ts";
import type { NewJob } from "../invocation.ts";
import type { JobClient, RunEvent, RunTarget, StopFailure } from "../job_client.ts";
import type { Target, Targets } from "./targets.ts";

/** The most targets of one call. */
const MAX_TARGETS_PER_CALL = 1_000;

/**
 * The most calls at once: a daemon bounds those of a user. While there are as many, hosts whose turn has come wait for
 * one to end, and share the next. So at least as many hosts as this are busy all the time.
 */
const MAX_CALLS = 200;

/** How fast to go, and when to stop. */
export interface Pace {
  /** The most hosts at once. */
  readonly parallel: number;
  /**
   * The most failures that there may be, whatever those do that have been started: so no more are in flight than are
   * left of it. `null`: they stop nothing within a wave, and a wave with one is the last.
   */
  readonly maxFailures: number | null;
  /** Waits before a wave; whether there is to be one. */
  readonly pause: (next: { wave: number; of: number; hosts: number }) => Promise<boolean>;
}

/** Options of {@linkcode RunOnMany}. */
export interface RunOnManyOptions {
  readonly client: Pick<JobClient, "runJobs" | "stopJobs">;
  readonly job: Omit<NewJob, "requestId" | "on">;
  readonly targets: Targets;
  readonly pace: Pace;
  /** Ends all calls, with its reason; what runs goes on. */
  readonly signal: AbortSignal;
  /** Told of everything that happens at a target, and waited for before more is read. */
  readonly onEvent: (target: Target, event: RunEvent) => Promise<void>;
  /** Told of a job that cannot be stopped, and why. */
  readonly onUnstopped: (failure: StopFailure) => Promise<void>;
}

/**
 * Runs a command on many hosts, wave by wave. It decides when each has its turn; what has become of it is in the table
 * of targets.
 */
export class RunOnMany {
  readonly #options: RunOnManyOptions;
  readonly #changed = new WakeUp();
  readonly #calls = new Set<Promise<void>>();
  readonly #signal: AbortSignal;
  readonly #leaving = new AbortController();
  #failure: { readonly error: unknown } | null = null;
  /** Once it is to stop: the calls that ask for it. */
  #stopping: Promise<void>[] | null = null;

  constructor(options: RunOnManyOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#leaving.signal]);
  }

  /**
   * Runs one wave after the other, until all are over, or one is the last.
   *
   * @throws what keeps it from going on: an output that is closed, a connection that is lost, the signal's reason.
   *   Targets that have not had their turn are still `waiting`, and what is not known of others is `unknown`
   */
  async run(waves: readonly (readonly Target[])[]): Promise<void> {
    for (const [index, wave] of waves.entries()) {
      if (index > 0) {
        if (this.#isOver()) break;
        const next = { wave: index + 1, of: waves.length, hosts: wave.length };
        if (!await this.#options.pace.pause(next)) break;
      }
      await this.#wave(wave);
    }
    await Promise.all(this.#stopping ?? []);
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Has nothing more started, and stops all that runs; those that are being started are stopped once they run. */
  stop(): void {
    if (this.#stopping !== null) return;
    this.#stopping = [];
    // A host that has not answered may have the job, and may be back.
    this.#stopJobs(this.#options.targets.in("running", "unknown"));
    this.#changed.notify();
  }

  #isOver(): boolean {
    const { targets, pace: { maxFailures } } = this.#options;
    if (this.#stopping !== null || this.#failure !== null) return true;
    return targets.failures >= (maxFailures ?? 1);
  }

  /** How many more may be started now. */
  #room(): number {
    const { targets, pace: { parallel, maxFailures } } = this.#options;
    if (this.#stopping !== null || this.#failure !== null) return 0;
    if (this.#calls.size >= MAX_CALLS) return 0;
    const left = (maxFailures ?? Infinity) - targets.failures;
    return Math.min(parallel, left) - targets.inFlight;
  }

  /** Ends once nothing of the wave is in flight. */
  async #wave(wave: readonly Target[]): Promise<void> {
    let rest = wave;
    for (;;) {
      const changed = this.#changed.next();
      const room = Math.min(this.#room(), MAX_TARGETS_PER_CALL);
      if (rest.length > 0 && room > 0) {
        this.#launch(rest.slice(0, room));
        rest = rest.slice(room);
      } else if (this.#calls.size > 0) await changed;
      else return;
    }
  }

  #launch(batch: readonly Target[]): void {
    for (const { host } of batch) this.#options.targets.set(host, "starting");
    const call = this.#follow(batch).finally(() => {
      this.#calls.delete(call);
      this.#changed.notify();
    });
    this.#calls.add(call);
  }

  /** Never rejects. */
  async #follow(batch: readonly Target[]): Promise<void> {
    const { client, job, targets, onEvent } = this.#options;
    const open = new Set(batch.map(({ host }) => host));
    try {
      const request = { ...job, targets: batch.map(targetOf) };
      for await (const { events } of client.runJobs(request, { signal: this.#signal })) {
        const told: Target[] = [];
        for (const event of events) {
          const target = targets.apply(event);
          if (event.job !== undefined) told.push(target);
          if (isLastEvent(event)) open.delete(event.host);
          await onEvent(target, event);
        }
        if (this.#stopping !== null) this.#stopJobs(told);
        this.#changed.notify();
      }
      if (open.size > 0) throw new JobWorkerError("internal", "The daemon has not told all ends");
    } catch (error) {
      this.#failure ??= { error };
      const isRefused = error instanceof JobWorkerError && !LOST.has(error.code);
      for (const host of open) {
        targets.set(host, isRefused ? "refused" : "unknown", messageOf(error));
      }
      // The other calls have no more of a connection, or of a reader, than this one.
      if (!isRefused) this.#leaving.abort(error);
    }
  }

  #stopJobs(running: readonly Target[]): void {
    const ids = running.flatMap(({ job }) => job === null || job.end !== null ? [] : [job.jobId]);
    for (let at = 0; at < ids.length; at += MAX_TARGETS_PER_CALL) {
      this.#stopping?.push(this.#stopSome(ids.slice(at, at + MAX_TARGETS_PER_CALL)));
    }
  }

  /** Never rejects. */
  async #stopSome(jobIds: readonly string[]): Promise<void> {
    const { client, onUnstopped } = this.#options;
    const signal = this.#signal;
    try {
      const request = { jobIds, stopSignal: "", gracePeriodMs: null };
      const { failures } = await client.stopJobs(request, { signal });
      // Those that had ended by then are told as having ended.
      const left = failures.filter(({ code }) => code !== "failed_precondition");
      for (const failure of left) await onUnstopped(failure);
    } catch (error) {
      if (!signal.aborted) this.#failure ??= { error };
    }
  }
}

/** The codes that leave open what a daemon has done. */
const LOST: ReadonlySet<JobWorkerError["code"]> = new Set([
  "unavailable",
  "cancelled",
  "deadline_exceeded",
  "internal",
]);

function targetOf({ host, requestId }: Target): RunTarget {
  return { host, requestId, jobId: "", offset: 0 };
}
