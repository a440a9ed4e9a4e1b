/** Options of {@linkcode RepeatLimit}. */
export interface RepeatLimitOptions {
  /** How many reports about each subject are let through in a period. */
  readonly max: number;
  /** How long a period is, which begins with the first report. */
  readonly perMs: number;
  /** Subjects beyond so many at once share one limit; 1000 by default. */
  readonly maxSubjects?: number;
}

/** Reports about one subject, from the first one on. */
interface Period {
  readonly endsAt: number;
  count: number;
  /** The last report that was not let through. */
  last: ((leftOut: number) => void | Promise<void>) | null;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The subject that all beyond the limit share. */
const OTHERS = "";

/**
 * Limits reports about those who can cause any number of them, so that nobody can fill a disk. Of the reports
 * that are not let through in a period, the last one is made at its end, with the number of those before it. So
 * every report is counted, and soon.
 *
 * ```ts
 * import { RepeatLimit } from "./repeat_limit.ts";
 *
 * await using limit = new RepeatLimit({ max: 20, perMs: 60_000 });
 * const report = (leftOut = 0) => console.log("alice was refused", leftOut);
 * if (limit.admit("alice", report)) report();
 * ```
 */
export class RepeatLimit implements AsyncDisposable {
  readonly #options: Required<RepeatLimitOptions>;
  readonly #periods = new Map<string, Period>();

  constructor(options: RepeatLimitOptions) {
    this.#options = { maxSubjects: 1_000, ...options };
  }

  /**
   * Whether to report at once.
   *
   * @param subject whom or what the report is about; not empty
   * @param reportLater otherwise called at the end of the period, if no other report comes after this one; it
   * does not reject
   */
  admit(subject: string, reportLater: (leftOut: number) => void | Promise<void>): boolean {
    const now = performance.now();
    const [key, period] = this.#periodOf(subject, now);
    if (++period.count <= this.#options.max) return true;
    period.last = reportLater;
    period.timer ??= setTimeout(() => void this.#end(key, period), period.endsAt - now);
    return false;
  }

  /** Makes the reports that are still to come. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#periods.entries().map(([key, period]) => this.#end(key, period)));
  }

  #periodOf(subject: string, now: number): [key: string, period: Period] {
    const { maxSubjects, perMs } = this.#options;
    if (!this.#periods.has(subject) && this.#periods.size >= maxSubjects) this.#endUntil(now);
    const key = this.#periods.has(subject) || this.#periods.size < maxSubjects ? subject : OTHERS;
    const old = this.#periods.get(key);
    if (old !== undefined && now < old.endsAt) return [key, old];
    if (old !== undefined) void this.#end(key, old);
    const period = { endsAt: now + perMs, count: 0, last: null, timer: undefined };
    this.#periods.set(key, period);
    return [key, period];
  }

  #endUntil(now: number): void {
    for (const [key, period] of this.#periods) {
      // They are in the order in which they end.
      if (now < period.endsAt) break;
      void this.#end(key, period);
    }
  }

  async #end(key: string, { last, count, timer }: Period): Promise<void> {
    clearTimeout(timer);
    this.#periods.delete(key);
    await last?.(count - this.#options.max - 1);
  }
}
