import type { DaemonOptions } from "../config/options.ts";
import { findTool } from "../process/tools.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { configureDiagnostics } from "./diagnostics.ts";
import { type InheritedSockets, inheritedSockets } from "./inherited_sockets.ts";
import { isJournal } from "./journal.ts";
import { notifySocket } from "./notify_socket.ts";
import type { RetryOptions } from "./retry.ts";
import { startRetryOptions } from "./start_retry.ts";

/** What an engine, or a hub, begins with. */
export interface Beginning {
  /** Whether diagnostics go to a journal. */
  readonly journal: boolean;
  readonly inherited: InheritedSockets;
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** The socket of a service manager; `null` if there is none. */
  readonly supervisor: string | null;
  /** How often to try to start. */
  readonly retryOptions: RetryOptions;
  /** Settles when the process is asked to end. */
  readonly ended: Promise<void>;
  /** Sets the function to call at SIGHUP. Before, that does nothing. */
  readonly onReload: (reload: () => void) => void;
}

/**
 * Does what comes first, whatever the process serves.
 *
 * @throws `failed_precondition` if it has not inherited what it should have
 */
export async function begin(options: DaemonOptions, process: DaemonProcess): Promise<Beginning> {
  const { signal, environment } = process;
  const journal = await isJournal(environment);
  await configureDiagnostics({ debug: options.debug, journal });
  const ended = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  if (signal.aborted) ended.resolve();
  // From the very start, because SIGHUP ends a process that does not listen for it.
  let reload = () => {};
  process.onReload(() => reload());
  const inherited = inheritedSockets(environment, {
    pid: Deno.pid,
    hasRest: options.restAddress !== null,
  });
  const supervisor = notifySocket(environment);
  return {
    journal,
    inherited,
    supervisor,
    setsid: await findTool("setsid"),
    retryOptions: startRetryOptions(signal, { supervised: supervisor !== null }),
    ended: ended.promise,
    onReload: (next) => void (reload = next),
  };
}
