import { JobWorkerError } from "../errors.ts";
import { type Job, type QueuePlace, statusOf } from "../job/types.ts";
import type { HostRooms } from "./host_rooms.ts";
import { NOWHERE } from "./known_job.ts";
import { ANYWHERE } from "./queued_start.ts";
import type { Registry } from "./registry.ts";

/** Where the jobs stand that no host has answered for, and why. */
export class QueuePlaces {
  readonly #registry: Registry;
  readonly #rooms: HostRooms;
  /** Why a host has not answered for a job. */
  readonly #silence = new Map<string, string>();

  constructor(registry: Registry, rooms: HostRooms) {
    this.#registry = registry;
    this.#rooms = rooms;
  }

  /** @param silence why the host of a job has not answered for it; `null` if it has */
  heard(jobId: string, silence: string | null): void {
    if (silence === null) this.#silence.delete(jobId);
    else this.#silence.set(jobId, silence);
  }

  /** Whether its host was asked for a job by this hub, and has not answered. */
  isSilent(jobId: string): boolean {
    return this.#silence.has(jobId);
  }

  /** The place of a job; `null` if it has none, since a host has answered for it. */
  async of(job: Job, host: string): Promise<QueuePlace | null> {
    const { queue } = this.#registry;
    if (statusOf(job) !== "queued") return null;
    const positions = await queue.positions();
    const position = positions.get(job.jobId);
    const entry = await queue.get(job.jobId);
    if (position === undefined) {
      if (entry === undefined || entry.isAnswered) return null;
      const silence = this.#silence.get(job.jobId);
      const unknown = silence === undefined
        ? ""
        : `, and whether it runs there is unknown: ${silence}`;
      const reason = `host "${host}" was given it${unknown}`;
      return { position: 0, length: positions.size, reason };
    }
    const { why } = await this.#rooms.placementFor(entry?.on ?? ANYWHERE, job.owner);
    const rank = entry?.priority ? `; its priority is ${entry.priority}` : "";
    const reason = `${why || "it is about to be given to a host"}${rank}`;
    return { position, length: positions.size, reason };
  }

  /**
   * A job as it is told.
   *
   * @throws `not_found` if it is not there any more
   */
  async tell(jobId: string): Promise<Job> {
    const known = await this.#registry.get(jobId);
    if (known === undefined) throw new JobWorkerError("not_found", `No job "${jobId}"`);
    const { job, host } = known;
    const queue = await this.of(job, host);
    return { ...job, queue, ...(host !== NOWHERE && { host }) };
  }
}
