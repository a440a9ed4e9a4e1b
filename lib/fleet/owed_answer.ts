import { delay } from "../async/delay.ts";
import type { FleetHosts } from "./fleet_hosts.ts";
import { NOWHERE } from "./known_job.ts";
import type { QueueStore } from "./queue_store.ts";
import { untilJob } from "./until_job.ts";

/** About as long as whoever asks a host waits for its answer. */
const ANSWER_MS = 20_000;

/** What {@linkcode owedAnswer} needs to know. */
export interface OwedAnswerOptions {
  readonly queue: Pick<QueueStore, "get">;
  readonly hosts: Pick<FleetHosts, "isOnline" | "watch">;
  /** Whether this hub has asked the host, and has had no answer. */
  readonly isSilent: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * Waits for the answer that a host owes for a start, for as long as there is hope. Another hub may have asked it, or
 * this one before it was started again, and whoever has lost their connection to that one asks here what has come of it.
 *
 * @throws the reason of the signal
 */
export async function owedAnswer(
  jobId: string,
  { queue, hosts, isSilent, signal }: OwedAnswerOptions,
): Promise<void> {
  const over = new AbortController();
  const options = { hosts, signal: AbortSignal.any([signal, over.signal]) };
  const isSettled = async () => {
    const entry = await queue.get(jobId);
    return entry === undefined || entry.isAnswered || entry.host === NOWHERE || isSilent() ||
      !hosts.isOnline(entry.host);
  };
  try {
    await Promise.race([untilJob(jobId, isSettled, options), delay(ANSWER_MS, options)]);
  } finally {
    over.abort();
  }
}
