import { abortable } from "../async/abortable.ts";
import { delay } from "../async/delay.ts";
import type { JobLog } from "../log/job_log.ts";
import { type LogState, logStateOf } from "./mirrored_log.ts";

/**
 * How long a log may grow before that is told again. What comes after a silence is told at once; of what comes at
 * full speed, so much is told at once that its readers have whole batches to read.
 */
const PAUSE_MS = 4;

/**
 * Tells how far a log is each time that it has grown, no faster than whoever is told takes it, until it is closed or
 * the signal is aborted. How far it is now is known.
 */
export async function tellGrowth(
  log: JobLog,
  tell: (state: LogState) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (let told = log.endOffset;;) {
      // In this order, so that what comes in between, or while it is told, is not missed.
      const changed = log.changed();
      const state = logStateOf(log);
      if (state.endOffset === told && !state.closed) {
        await abortable(changed, signal);
        continue;
      }
      told = state.endOffset;
      await tell(state);
      if (state.closed) return;
      await delay(PAUSE_MS, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
