import { Buffer } from "node:buffer";

/** The most jobs on a page. */
export const MAX_PAGE_JOBS = 1000;

/**
 * A thousand ordinary records take half of it, and gRPC clients accept messages up to 4 MiB. A single job
 * that is larger still fits into those: execve(2) limits its command to 2 MiB.
 */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;

/**
 * Bounds a page of jobs by their number and by the size of their records, of which one may have megabytes
 * and a page is held in memory several times over. Any job fits on an empty page, so that paging ends.
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
   * Adds another job to the page if it fits. Once a job did not fit, no smaller one is added either: a page
   * has no gaps.
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
