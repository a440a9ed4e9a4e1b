import { abortable } from "../async/abortable.ts";
import type { FlushCounts } from "../files/flush.ts";
import type { Exposition } from "../metrics/exposition.ts";

/** A part of the daemon that has something to tell whoever watches over it. */
export interface Measured {
  /** Adds what it has to tell, within a few seconds, whatever is wrong with it. */
  measure(exposition: Exposition): Promise<void> | void;
}

/** What a process has to tell of itself. */
export interface OwnCounts {
  readonly residentBytes: number;
  /** If it flushes anything. */
  readonly flushes?: FlushCounts;
}

/** How long another process has to tell what it has counted. It does so at once, unless something is wrong with it. */
const COUNT_WITHIN_MS = 2_000;

/**
 * Adds whether a process answers, and what it tells of itself.
 *
 * @param process its name, such as `gateway-0`
 * @param asked what it has counted; `null` if it is of a build that cannot tell
 * @returns the same; `null` as well if it has not answered
 */
export async function measureProcess<Counts extends OwnCounts>(
  exposition: Exposition,
  process: string,
  asked: Promise<Counts | null>,
): Promise<Counts | null> {
  try {
    const counts = await abortable(asked, AbortSignal.timeout(COUNT_WITHIN_MS));
    addProcess(exposition, process, counts);
    return counts;
  } catch {
    exposition.add("job_worker_process_up", { process }, 0);
    return null;
  }
}

/** Adds a process that is there, and what it tells of itself, if it can. */
export function addProcess(
  exposition: Exposition,
  process: string,
  counts: OwnCounts | null,
): void {
  exposition.add("job_worker_process_up", { process }, 1);
  if (counts === null) return;
  const { residentBytes, flushes } = counts;
  exposition.add("job_worker_process_resident_memory_bytes", { process }, residentBytes);
  if (flushes === undefined) return;
  exposition.addHistogram("job_worker_flush_duration_seconds", { process }, flushes.seconds);
  exposition.add("job_worker_flush_failures_total", { process }, flushes.failures);
}
