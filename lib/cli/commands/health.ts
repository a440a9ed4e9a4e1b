import type { Context } from "../context.ts";
import { FAILURE } from "../exit_status.ts";
import { printLine } from "../io.ts";
import { jsonLine } from "../../text/printable.ts";

/** Those who ask, a supervisor for one, want an answer even from a daemon that hangs. */
const TIMEOUT_MS = 5_000;

/** Asks the daemon whether it takes calls: exit status 0 if it does. */
export async function health({ io, settings, client }: Context): Promise<number> {
  const status = await client.checkHealth({
    signal: io.interrupted,
    timeoutMs: TIMEOUT_MS,
  });
  await printLine(io.stdout, settings.json ? jsonLine({ status }) : status);
  return status === "serving" ? 0 : FAILURE;
}
