import { Batcher } from "../async/batcher.ts";
import type { JobWorkerError } from "../errors.ts";
import type { FleetHosts } from "./fleet_hosts.ts";
import type { FleetQueue } from "./fleet_queue.ts";
import type { Notice } from "./registry.ts";
import { isRegistryAway } from "./registry_away.ts";

/** How often to look for a hub that has left something and is not there any more. */
const LOOK_EVERY_MS = 5_000;

/** Options of {@linkcode OtherHubs}. */
export interface OtherHubsOptions {
  /** How often to look for one that is not there any more; every 5 s by default. */
  readonly lookEveryMs?: number;
  /** Told once that the registry cannot be used; with `null`, that it can be used again. */
  readonly onAway: (error: JobWorkerError | null) => void;
  readonly onFault: (error: unknown) => void;
}

/** What this hub does about those that share its registry, once it follows them. */
export class OtherHubs implements AsyncDisposable {
  readonly #options: OtherHubsOptions;
  readonly #fills: Batcher<void, void>;
  readonly #under = new Set<Promise<void>>();
  #hosts: FleetHosts | null = null;
  #queue: FleetQueue | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isAway = false;

  constructor(options: OtherHubsOptions) {
    this.#options = options;
    this.#fills = new Batcher(async () => await this.#queue?.fill());
  }

  follow(hosts: FleetHosts, queue: FleetQueue): void {
    this.#hosts = hosts;
    this.#queue = queue;
    const { lookEveryMs = LOOK_EVERY_MS } = this.#options;
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** Another hub has changed something. */
  noticed({ jobs, waits }: Notice): void {
    for (const jobId of jobs) this.#hosts?.tell(jobId);
    if (waits) this.#do(() => this.#fills.add());
  }

  /** What others have changed may have been missed, since the registry was away. */
  missed(): void {
    this.#hosts?.tell(null);
    for (const { name } of this.#hosts?.all() ?? []) this.#hosts?.online(name);
    this.#look();
    this.#do(() => this.#fills.add());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#hosts = this.#queue = null;
    await Promise.all(this.#under);
  }

  #look(): void {
    this.#do(async () => await this.#queue?.adopt());
  }

  #do(act: () => Promise<void>): void {
    const doing = act().then(() => this.#reached(null), (error) => {
      if (isRegistryAway(error)) this.#reached(error);
      else this.#options.onFault(error);
    }).finally(() => this.#under.delete(doing));
    this.#under.add(doing);
  }

  #reached(error: JobWorkerError | null): void {
    if (this.#isAway === (error !== null)) return;
    this.#isAway = error !== null;
    this.#options.onAway(error);
  }
}
