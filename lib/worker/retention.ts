import type { FinishedFilter, FinishedJob, Holding, JobStore } from "../job/job_store.ts";
import type { Job } from "../job/types.ts";

/**
 * How much of the past is kept. Beyond a count or a size, whoever has the most gives up their oldest job, and
 * so on until the rest fits: nobody's jobs make way for those of somebody who has more.
 */
export interface Retention {
  /** The longest time since a job finished, in milliseconds. */
  readonly maxAgeMs?: number;
  /** The most finished jobs. */
  readonly maxCount?: number;
  /** The most that they may take on disk, in bytes. */
  readonly maxBytes?: number;
}

/** What `Worker.prune()` has removed, or would remove. */
export interface Pruned {
  /** The newest of them, as many as fit on a page. */
  readonly jobs: readonly Job[];
  readonly count: number;
  /** What they took on disk, in bytes. */
  readonly bytes: number;
}

/** What retention needs of a store. */
type FinishedStore = Pick<JobStore, "finished" | "holdings">;

const PAGE = 100;

/**
 * The finished jobs that a retention does not keep, newest first. Those that it keeps are only counted.
 *
 * @param now milliseconds since the Unix epoch
 * @param owner whose jobs to look at; the jobs of others are neither counted nor removed
 */
export async function expired(
  store: FinishedStore,
  retention: Retention,
  now: number,
  owner?: string,
): Promise<FinishedJob[]> {
  const { maxAgeMs = Infinity, maxCount = Infinity, maxBytes = Infinity } = retention;
  const whose = owner === undefined ? {} : { owner };
  const since = now - maxAgeMs;
  const isBounded = maxAgeMs !== Infinity;
  const old = isBounded
    ? await Array.fromAsync(oldestFirst(store, { ...whose, before: since }))
    : [];
  const others = isBounded ? { since } : {};
  const holders = (await store.holdings({ ...whose, ...others })).map((holding) =>
    new Holder(holding, oldestFirst(store, { ...others, owner: holding.owner }))
  );
  const tooMany = await surplus(holders, ({ jobs }) => jobs, maxCount);
  const tooLarge = await surplus(holders, ({ bytes }) => bytes, maxBytes);
  return [...old, ...tooMany, ...tooLarge].sort((a, b) => a.jobId < b.jobId ? 1 : -1);
}

/** What is given up until the rest is no more than a maximum. */
async function surplus(
  holders: readonly Holder[],
  measure: (holder: Holder) => number,
  max: number,
): Promise<FinishedJob[]> {
  const given: FinishedJob[] = [];
  let total = holders.reduce((sum, holder) => sum + measure(holder), 0);
  while (total > max) {
    const holder = holders.reduce((most, holder) => {
      const more = measure(holder) - measure(most);
      return more > 0 || more === 0 && holder.oldest < most.oldest ? holder : most;
    });
    const before = measure(holder);
    given.push(...await holder.giveUp());
    total -= before - measure(holder);
  }
  return given;
}

/** What an owner still has of finished jobs, while they give up one after the other. */
class Holder {
  jobs: number;
  bytes: number;
  /** The id of the next one to go. */
  oldest: string;
  readonly #oldestFirst: AsyncGenerator<FinishedJob, void, undefined>;
  #next: FinishedJob | undefined;

  constructor(
    { jobs, bytes, oldest }: Holding,
    oldestFirst: AsyncGenerator<FinishedJob, void, undefined>,
  ) {
    this.jobs = jobs;
    this.bytes = bytes;
    this.oldest = oldest;
    this.#oldestFirst = oldestFirst;
  }

  /** Gives up the oldest job; none if all have been removed since they were counted. */
  async giveUp(): Promise<FinishedJob[]> {
    const job = this.#next ?? await this.#read();
    this.#next = await this.#read();
    this.oldest = this.#next?.jobId ?? "";
    this.jobs = this.#next === undefined ? 0 : this.jobs - 1;
    this.bytes = this.#next === undefined ? 0 : this.bytes - (job?.bytes ?? 0);
    return job === undefined ? [] : [job];
  }

  async #read(): Promise<FinishedJob | undefined> {
    return (await this.#oldestFirst.next()).value ?? undefined;
  }
}

async function* oldestFirst(
  store: FinishedStore,
  filter: FinishedFilter,
): AsyncGenerator<FinishedJob, void, undefined> {
  for (let after = "", full = true; full;) {
    const page = await store.finished(filter, { limit: PAGE, after });
    yield* page;
    after = page.at(-1)?.jobId ?? "";
    full = page.length === PAGE;
  }
}
