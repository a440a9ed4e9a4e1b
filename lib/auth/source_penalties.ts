import { BoundedMap } from "./bounded_map.ts";

/** What one failed connection adds, and how much must have come together before anything is refused. */
const PENALTY_MS = 1_000;
const MIN_MS = 15_000;
/** The longest time that a source is refused after its last failure. */
const MAX_MS = 60_000;
/** If there are more, those that failed longest ago are forgotten. */
const MAX_SOURCES = 10_000;

/** One in so many is let through nevertheless: whoever has the same address, behind a router, say, can try again. */
const LET_THROUGH = 10;

interface Penalty {
  until: number;
  isEnforced: boolean;
  /** How many have come since it was enforced. */
  tries: number;
}

/**
 * Refuses those whose connections keep failing, in the manner of `PerSourcePenalties` in sshd_config(5): each failure
 * costs a second, which time pays off. A source that owes fifteen is refused, but for one in ten connections, until
 * nothing is owed. So one failure a second, which is more than what checks a port does, is never refused.
 *
 * Callers pass the time in milliseconds of any clock that does not go back.
 */
export class SourcePenalties {
  readonly #penalties = new BoundedMap<string, Penalty>(MAX_SOURCES);

  /** Whether to refuse a connection from there. */
  isRefused(source: string, now: number): boolean {
    const penalty = this.#current(source, now);
    return penalty.isEnforced && ++penalty.tries % LET_THROUGH !== 0;
  }

  /** Counts a connection that has failed. */
  fail(source: string, now: number): void {
    const penalty = this.#current(source, now);
    penalty.until = Math.min(penalty.until + PENALTY_MS, now + MAX_MS);
    penalty.isEnforced ||= penalty.until - now >= MIN_MS;
    this.#penalties.set(source, penalty);
  }

  #current(source: string, now: number): Penalty {
    const penalty = this.#penalties.get(source);
    return penalty !== undefined && penalty.until > now
      ? penalty
      : { until: now, isEnforced: false, tries: 0 };
  }
}
