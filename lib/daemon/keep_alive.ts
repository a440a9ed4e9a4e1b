import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { messageOf } from "../errors.ts";
import { diagnostics } from "./diagnostics.ts";

/** How long to wait before another process is started; doubled for each that died young. */
const PAUSE_MS = { first: 100, last: 10_000 };
/** A process that lived this long did not die of what its predecessor died of. */
const HEALTHY_AFTER_MS = 10_000;

/**
 * Runs one process of a role after the other. Never rejects.
 *
 * @param what the process, in words: `"agent of the fleet"`
 * @param runOne runs one, and returns why it has ended
 * @param options.signal ends it
 * @param options.onDeath called when one has ended that was not to
 */
export async function keepAlive(
  what: string,
  runOne: () => Promise<string>,
  { signal, onDeath = () => {} }: {
    readonly signal: AbortSignal;
    readonly onDeath?: () => void;
  },
): Promise<void> {
  let nextPause = doubling(PAUSE_MS);
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      const why = await runOne();
      if (signal.aborted) return;
      onDeath();
      diagnostics.error("The {what} ended: {why}; starting another", { what, why });
    } catch (error) {
      if (signal.aborted) return;
      onDeath();
      diagnostics.error("No {what}: {why}; trying again", { what, why: messageOf(error) });
    }
    if (performance.now() - startedAt > HEALTHY_AFTER_MS) nextPause = doubling(PAUSE_MS);
    await delay(nextPause(), { signal }).catch(() => {});
  }
}
