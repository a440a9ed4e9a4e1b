/**
 * The enums of the wire contract, and the words that the rest of the program uses for their values.
 *
 * Enums of proto3 are open: a newer daemon may send a value that this program does not know, and the rest of its
 * answer is still good, so that value becomes `unknown`. In a request, a value must be known, or something other
 * than what was requested would be done.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import {
  CONTAINMENTS as CONTAINMENT_WORDS,
  JOB_REASONS,
  JOB_STATUSES,
  LOG_POLICIES as LOG_POLICY_WORDS,
  LOG_STREAMS,
  NOTIFICATION_STATES as NOTIFICATION_STATE_WORDS,
  type Unknown,
} from "../job/types.ts";
import {
  HOST_STATES as HOST_STATE_WORDS,
  IF_HOST_LOST as IF_HOST_LOST_WORDS,
} from "../job/host.ts";
import { RUN_FAILURE_KINDS as RUN_FAILURE_WORDS } from "../job/run_event.ts";
import type * as wire from "./gen/jobworker.ts";

/** The values of an enum, except the unspecified one. */
type Values<Enum> = Exclude<Enum, number | `${string}_UNSPECIFIED`>;

/** Has a word for each value of an enum. A word without a value does not compile where it is written. */
interface Covers<Enum> {
  readonly wordOf: (value: Values<Enum>) => string;
}

/** The words of one enum. The name of a value is its prefix and the word, as in `JOB_REASON_LOG_LIMIT`. */
class EnumWords<Prefix extends string, Word extends string> {
  readonly #prefix: Prefix;
  readonly #words: ReadonlyMap<string | number, Word>;

  constructor(prefix: Prefix, words: readonly Word[]) {
    this.#prefix = prefix;
    this.#words = new Map(words.map((word) => [this.write(word), word]));
  }

  /** The word for a value of this contract. */
  readonly wordOf = (value: `${Prefix}_${Uppercase<Word>}`): Word | Unknown => this.read(value);

  /** The word for a value that was received in an answer. */
  read(value: string | number): Word | Unknown {
    return this.#words.get(value) ?? "unknown";
  }

  /**
   * The word for a value that was received in a request.
   *
   * @throws `invalid_argument`, naming the field, if there is none
   */
  readRequested(value: string | number, field: string): Word {
    const word = this.#words.get(value);
    if (word !== undefined) return word;
    const known = [...this.#words.keys()].join(", ");
    throw new JobWorkerError(
      "invalid_argument",
      `Unknown value in ${field}: ${value} (known: ${known})`,
      { field },
    );
  }

  write<Written extends Word | Unknown>(
    word: Written,
  ): `${Prefix}_${Written extends Unknown ? "UNSPECIFIED" : Uppercase<Written>}` {
    return `${this.#prefix}_${word === "unknown" ? "UNSPECIFIED" : word.toUpperCase()}` as never;
  }
}

export const STATUSES = new EnumWords("JOB_STATUS", JOB_STATUSES) satisfies Covers<wire.JobStatus>;
export const REASONS = new EnumWords("JOB_REASON", JOB_REASONS) satisfies Covers<wire.JobReason>;
export const STREAMS = new EnumWords("LOG_STREAM", LOG_STREAMS) satisfies Covers<wire.LogStream>;
export const LOG_POLICIES = new EnumWords("LOG_POLICY", LOG_POLICY_WORDS) satisfies Covers<
  wire.LogPolicy
>;
export const CONTAINMENTS = new EnumWords("CONTAINMENT", CONTAINMENT_WORDS) satisfies Covers<
  wire.Containment
>;
export const NOTIFICATION_STATES = new EnumWords(
  "NOTIFICATION_STATE",
  NOTIFICATION_STATE_WORDS,
) satisfies Covers<wire.NotificationState>;
export const HOST_STATES = new EnumWords("HOST_STATE", HOST_STATE_WORDS) satisfies Covers<
  wire.HostState
>;
export const IF_HOST_LOST = new EnumWords("IF_HOST_LOST", IF_HOST_LOST_WORDS) satisfies Covers<
  wire.IfHostLost
>;
export const RUN_FAILURES = new EnumWords("RUN_FAILURE_KIND", RUN_FAILURE_WORDS) satisfies Covers<
  wire.RunFailureKind
>;
