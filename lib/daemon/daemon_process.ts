import type { GatewayPipes } from "./gateway.ts";

/** What the daemon needs from its process. */
export interface DaemonProcess {
  readonly args: readonly string[];
  readonly environment: (name: string) => string | undefined;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
  /** Sets the function to call whenever the process is asked to read its certificates again. */
  readonly onReload: (reload: () => void) => void;
  readonly pipes: GatewayPipes;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** Asks whoever has started the process, see `lib/stdio/ask_password.ts`. */
  readonly askNewPassword: (question: string) => Promise<string>;
}
