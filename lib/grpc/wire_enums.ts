/**
 * The enums of the wire contract, as the words that the rest of the program uses.
 *
 * Enums of proto3 are open: a newer daemon may send a value that this program does not know, and the
 * rest of its answer is still good. What such a value says is `unknown`. What a request asks for must
 * be known, or something else would be done than was asked for.
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
  type Unknown,
} from "../job/types.ts";
import type * as wire from "./gen/jobworker.ts";

/** The values of an enum that say something. */
type Values<Enum> = Exclude<Enum, number | `${string}_UNSPECIFIED`>;

/** Has a word for each value of an enum. A word that has no value does not compile where it is written. */
interface Covers<Enum> {
  readonly wordOf: (value: Values<Enum>) => string;
}

/** The words of one enum. The name of a value is the prefix and the word: `JOB_REASON_LOG_LIMIT`. */
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
