import { Buffer } from "node:buffer";

/** The most jobs that are handed over at once. */
export const MAX_PAGE_JOBS = 1000;

/**
 * A thousand usual records take half of it, and clients of gRPC take no message above 4 MiB. A job that
 * is larger alone is not larger than that: execve(2) lets its command have 2 MiB.
 */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;

/**
 * How many jobs a page has, which is bounded by what their records take, too: one may have megabytes,
 * and a page is held in memory several times over. A job always fits on an empty page, so pages come to
 * an end.
 */
export class PageLimit {
  #jobs: number;
  #bytes: number;
  #isEmpty = true;

  /** @param size `maxBytes` is 2 Mi by default */
  constructor(size: { readonly limit: number; readonly maxBytes?: number }) {
    this.#jobs = size.limit;
    this.#bytes = size.maxBytes ?? MAX_PAGE_BYTES;
  }

  get isFull(): boolean {
    return this.#jobs === 0;
  }

  /**
   * Takes another job onto the page. Once one did not fit, no smaller one gets on either: a page has no
   * gaps.
   *
   * @param record of the job, as JSON
   */
  admit(record: string): boolean {
    if (this.#jobs === 0) return false;
    const bytes = Buffer.byteLength(record);
    if (bytes > this.#bytes && !this.#isEmpty) {
      this.#jobs = 0;
      return false;
    }
    this.#isEmpty = false;
    this.#jobs--;
    this.#bytes -= bytes;
    return true;
  }
}
