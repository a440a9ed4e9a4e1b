import type { GatewayPipes } from "./gateway.ts";

/** What the daemon needs from the process that it is. */
export interface DaemonProcess {
  readonly args: readonly string[];
  readonly environment: (name: string) => string | undefined;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
  /** Has a function called whenever the process is asked to read its certificates anew. */
  readonly onReload: (reload: () => void) => void;
  readonly pipes: GatewayPipes;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** Asks whoever has started it, see `lib/stdio/ask_password.ts`. */
  readonly askNewPassword: (question: string) => Promise<string>;
}
