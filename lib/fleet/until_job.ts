import { abortable } from "../async/abortable.ts";
import { WakeUp } from "../async/wake_up.ts";
import type { FleetHosts } from "./fleet_hosts.ts";

/**
 * Looks again whenever something has changed about a job, until that is what was waited for.
 *
 * @throws the reason of the signal
 */
export async function untilJob(
  jobId: string,
  look: () => Promise<boolean>,
  { hosts, signal }: { readonly hosts: Pick<FleetHosts, "watch">; readonly signal: AbortSignal },
): Promise<void> {
  const wakeUp = new WakeUp();
  using _watching = hosts.watch((id) => {
    if (id === null || id === jobId) wakeUp.notify();
  });
  for (;;) {
    const changed = wakeUp.next();
    if (await look()) return;
    await abortable(changed, signal);
  }
}
