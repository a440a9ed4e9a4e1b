import { failedPrecondition, JobWorkerError } from "../errors.ts";
import { type Job, type LogBatch, statusOf } from "../job/types.ts";
import type { GetLogsRequest, GetLogsResponse, StreamLogsRequest } from "../service/job_service.ts";
import type { FleetHosts } from "./fleet_hosts.ts";
import type { FleetQueue } from "./fleet_queue.ts";
import { type KnownJob, NOWHERE } from "./known_job.ts";
import type { Registry } from "./registry.ts";

/** A log of which nothing is left to be read. */
const EMPTY = { stdout: new Uint8Array(), stderr: new Uint8Array(), nextOffset: 0, endOffset: 0 };

/**
 * The jobs that are at the hub: they wait for a host, have one that has not answered, or have ended without. About them
 * the hub answers as a single host does about a job in its queue.
 */
export class JobsHere {
  readonly #hosts: FleetHosts;
  readonly #registry: Registry;
  readonly #queue: FleetQueue;

  constructor(hosts: FleetHosts, registry: Registry, queue: FleetQueue) {
    this.#hosts = hosts;
    this.#registry = registry;
    this.#queue = queue;
  }

  /** A job that is here; `undefined` for any other. */
  async find(jobId: string): Promise<KnownJob | undefined> {
    const known = await this.#registry.get(jobId);
    if (known === undefined) return undefined;
    return known.host === NOWHERE || await this.#queue.has(jobId) ? known : undefined;
  }

  /** Any job, as the hub tells of it. */
  async told(known: KnownJob): Promise<Job> {
    const queue = await this.#queue.placeOf(known.job, known.host);
    return { ...this.shown(known), queue };
  }

  /** The same, without its place in the queue. */
  shown({ job, host }: KnownJob): Job {
    if (host === NOWHERE) return job;
    const heardAt = this.#hosts.isOnline(host) ? null : this.#hosts.heardAt(host);
    return { ...job, host, ...(heardAt !== null && { asOf: heardAt }) };
  }

  /** @throws the reason of the signal */
  async left({ job }: KnownJob, signal: AbortSignal): Promise<KnownJob | undefined> {
    if (job.end === null) await this.#queue.left(job.jobId, signal);
    return await this.find(job.jobId);
  }

  page({ offset }: GetLogsRequest): GetLogsResponse {
    checkOffset(offset);
    return { ...EMPTY, end: true, exitStatus: null };
  }

  /**
   * What there is to read here.
   *
   * @returns once that is all, or the job is at a host
   */
  async *log(
    known: KnownJob,
    { start, follow }: StreamLogsRequest,
    signal: AbortSignal,
  ): AsyncGenerator<LogBatch, "all" | "at_host", undefined> {
    if (start.kind === "offset") checkOffset(start.offset);
    const batch = { records: [], nextOffset: 0, ...(!follow && { endOffset: 0 }) };
    const hasEnded = known.job.end !== null;
    yield { ...batch, finishedJob: hasEnded ? await this.told(known) : null };
    if (hasEnded || !follow) return "all";
    const left = await this.left(known, signal);
    if (left === undefined) return "at_host";
    yield { ...batch, finishedJob: await this.told(left) };
    return "all";
  }

  /**
   * Takes a job out of the queue.
   *
   * @returns the ended job; `undefined` if a host has it by now
   */
  async stop({ job }: KnownJob, signal: AbortSignal): Promise<Job | undefined> {
    if (job.end !== null) throw this.refusal("stop", job);
    return await this.#queue.cancel(job.jobId, signal);
  }

  /** @returns the changed job; `undefined` if a host has it by now */
  async limitTime(
    known: KnownJob,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Job | undefined> {
    const { job } = known;
    if (job.end !== null) throw this.refusal("limit the time of", job);
    const changed = await this.#queue.limitTime(job.jobId, timeoutMs);
    if (changed !== undefined) return changed;
    const left = await this.left(known, signal);
    if (left !== undefined) throw this.refusal("limit the time of", left.job);
    return undefined;
  }

  /** For what needs a process. */
  refusal(verb: string, job: Job): JobWorkerError {
    const why = job.end === null
      ? "it is queued, and has no process yet; a stop takes it out of the queue"
      : `it has already ended (${statusOf(job)})`;
    return failedPrecondition(`Cannot ${verb} job "${job.jobId}": ${why}`);
  }
}

function checkOffset(offset: number): void {
  if (offset === 0) return;
  throw new JobWorkerError("out_of_range", `The log has no offset ${offset}: it is empty`);
}
