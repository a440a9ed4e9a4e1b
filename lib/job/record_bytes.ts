import { Buffer } from "node:buffer";
import type { QueuedJob } from "./job_store.ts";
import type { Job } from "./types.ts";

/** What the queue needs of a job whose record is this one. */
export function queuedJob(job: Job): QueuedJob {
  const { jobId, owner } = job;
  return { jobId, owner, recordBytes: Buffer.byteLength(JSON.stringify(job)) };
}

/** Up to this, records are bounded by their number. Most have a few hundred bytes. */
const SMALL_RECORD_BYTES = 4096;

/**
 * What a finished job takes on disk: its log, and its record if that is large, as it is with megabytes of arguments
 * and variables.
 *
 * @param record what stands in the store
 */
export function retainedBytes({ logBytes }: Pick<Job, "logBytes">, record: string): number {
  const recordBytes = Buffer.byteLength(record);
  return recordBytes > SMALL_RECORD_BYTES ? logBytes + recordBytes : logBytes;
}
