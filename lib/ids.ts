import { v7 } from "uuid";

/** The only form in which we write job ids: lower case, with hyphens. */
export const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A new id, a UUIDv7 (RFC 9562), so that ids sort in the order in which they are made. */
export function newId(): string {
  return v7();
}

/**
 * Makes new ids that sort after all existing ones, even if the clock has been set back while this process
 * did not run.
 */
export class IdSequence {
  #last: string;

  /** @param last the greatest id that exists; `""` for none */
  constructor(last: string) {
    this.#last = last;
  }

  next(): string {
    let id = v7();
    // The first 48 bits are the time, so the next millisecond is enough.
    if (id <= this.#last) id = v7({ msecs: timeOf(this.#last) + 1 });
    this.#last = id;
    return id;
  }
}

function timeOf(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * The beginning of ids of one millisecond: those of earlier ones sort before it, the others not.
 *
 * @param time in milliseconds since the Unix epoch; what no id can have is taken for the nearest that
 * one can
 */
export function idPrefixAt(time: number): string {
  const hex = Math.min(Math.max(time, 0), 2 ** 48 - 1).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** Whether a text is a job id in the one form we write: lower case, with hyphens. */
export function isJobId(text: string): boolean {
  return JOB_ID.test(text);
}
