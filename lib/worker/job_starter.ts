import { JOB_REMOVED, JobWorkerError } from "../errors.ts";
import type { Executor, LaunchRequest } from "../executor/executor.ts";
import { type IdSequence, newId } from "../ids.ts";
import { nameTaken } from "../job/job_name.ts";
import type { JobStore } from "../job/job_store.ts";
import { queuedJob } from "../job/record_bytes.ts";
import { type Job, LIVE_STATUSES } from "../job/types.ts";
import type { ActiveJobs } from "./active_jobs.ts";
import { JobSlots, type SlotLimits } from "./job_slots.ts";
import { QueuedJobs, type Turn } from "./queued_jobs.ts";
import { isScarcity } from "./scarcity.ts";
import {
  completeStart,
  newJob,
  queuedStart,
  startingJob,
  type StartPolicy,
} from "./start_request.ts";
import type { StartOptions } from "./worker_options.ts";

/** What {@linkcode JobStarter} works with. */
export interface JobStarterParts {
  readonly policy: StartPolicy;
  readonly limits: SlotLimits;
  readonly ids: IdSequence;
  readonly store: JobStore;
  readonly executor: Executor;
  readonly active: ActiveJobs;
  /** A job as it is now. */
  readonly get: (jobId: string) => Promise<Job>;
  /** Called with each job when it is queued, and when it has ended without having run. */
  readonly onChanged: (job: Job) => void;
  /** Called with each job when it has ended without having run, and that is recorded. */
  readonly onEnded: (job: Job) => void;
  readonly onFault: (error: unknown, jobId: string) => void;
}

/** Starts jobs: at once if they may run, else when their turn has come. */
export class JobStarter {
  readonly #parts: JobStarterParts;
  readonly slots: JobSlots;
  readonly queued: QueuedJobs;
  /** Starts under way, by their request if they have one. */
  readonly #starting = new Map<string, Promise<unknown>>();
  #isClosed = false;

  constructor(parts: JobStarterParts) {
    this.#parts = parts;
    this.slots = new JobSlots(parts.limits, (jobId, slot) => this.queued.takeTurn(jobId, slot));
    const start = (job: Job, turn: Turn) => this.#launch(job, queuedStart(job, parts.policy), turn);
    this.queued = new QueuedJobs({ ...parts, slots: this.slots, start });
  }

  /**
   * Starts a job, or queues it; see `Worker.start()`. One that was asked for before is not started again.
   */
  async start(options: StartOptions): Promise<Job> {
    const { owner, requestId = "", jobId } = options;
    const key = jobId ?? (requestId === "" ? newId() : JSON.stringify([owner, requestId]));
    // A repeat waits for the start before it, and then sees what came of it, which may have been aborted.
    const before = this.#starting.get(key) ?? Promise.resolve();
    const started = before.catch(() => {}).then(() => this.#startOnce(options));
    this.#starting.set(key, started);
    try {
      return await started;
    } finally {
      if (this.#starting.get(key) === started) this.#starting.delete(key);
    }
  }

  /**
   * Refuses new jobs, and starts none of those in the queue.
   *
   * @returns once no start is under way
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#starting.values(), this.queued.close()]);
  }

  async #startOnce(options: StartOptions): Promise<Job> {
    const { owner, requestId = "", jobId } = options;
    const { store, get } = this.#parts;
    const known = jobId !== undefined
      ? await this.#findGiven(jobId, owner)
      : requestId === ""
      ? undefined
      : await store.findByRequest(owner, requestId);
    return known === undefined ? await this.#start(options) : await get(known.jobId);
  }

  /** The job that was started under an id that its caller has given; `undefined` if there never was one. */
  async #findGiven(jobId: string, owner: string): Promise<Job | undefined> {
    const { store } = this.#parts;
    const known = await store.get(jobId);
    if (known !== undefined && known.owner !== owner) {
      throw new JobWorkerError("already_exists", `There is a job "${jobId}" of another user`);
    }
    if (known === undefined && await store.wasRemoved(jobId)) {
      const text =
        `Cannot start job "${jobId}" again: it was here, and its record has been removed`;
      throw new JobWorkerError("failed_precondition", text, { reason: JOB_REMOVED });
    }
    return known;
  }

  async #start(options: StartOptions): Promise<Job> {
    this.#checkOpen();
    const { ids, policy, store, executor } = this.#parts;
    const request = completeStart(options.jobId ?? ids.next(), options, policy);
    const { jobId } = request;
    const { owner, name = "", queue = false, signal, confirm } = options;
    if (name !== "") await this.#checkName(owner, name);
    const job = newJob(options, request, executor.containment);
    using slot = queue ? this.slots.acquireOrWait(queuedJob(job)) : this.slots.acquire(owner);
    if (slot !== null) {
      const undo = (_: unknown, wasLaunched: boolean) =>
        store.delete(jobId, { neverRan: !wasLaunched });
      return await this.#launch(job, request, { slot, undo, signal, confirm });
    }
    const queued = { ...job, queuedAt: Date.now() };
    return await this.queued.add(queued, async () => {
      try {
        await executor.prepare(request);
        await executor.abandon(jobId);
      } catch (error) {
        // What could not run now is not queued either, unless it lacks what others give back, such as a user.
        if (!isScarcity(error)) throw error;
      }
      signal?.throwIfAborted();
      await confirm?.(queued);
    });
  }

  /** The store decides between starts at the same time; but most are refused here, before anything is done for them. */
  async #checkName(owner: string, name: string): Promise<void> {
    const filter = { owner, name, statuses: LIVE_STATUSES };
    const [namesake] = await this.#parts.store.list(filter, { limit: 1 });
    if (namesake !== undefined) throw nameTaken(namesake);
  }

  async #launch(
    job: Job,
    request: LaunchRequest,
    { slot, undo, signal, confirm = () => Promise.resolve() }:
      & Pick<Turn, "slot" | "undo">
      & { readonly [Name in "signal" | "confirm"]?: StartOptions[Name] | undefined },
  ): Promise<Job> {
    const { executor, active } = this.#parts;
    const prepared = await executor.prepare(request);
    let wasLaunched = false;
    const starting = startingJob(job, prepared, executor.containment);
    const { startedAt, liveStatus } = starting;
    return await active.start(starting, {
      // Whatever waited may have to wait again, and be prepared again: then it is to be what was asked for.
      recorded: job.queuedAt === null ? starting : { ...job, startedAt, liveStatus },
      launch: async () => {
        this.#checkOpen();
        wasLaunched = true;
        const running = await executor.launch(job.jobId, signal && { signal });
        slot.holdUntil(running.ended);
        return running;
      },
      confirm,
      abandon: () => executor.abandon(job.jobId),
      undo: (error) => undo(error, wasLaunched),
    });
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new JobWorkerError("unavailable", "The daemon is shutting down");
  }
}
