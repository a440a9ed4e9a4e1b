import type { Context } from "../context.ts";
import { FAILURE } from "../exit_status.ts";
import { printLine } from "../io.ts";
import { jsonLine } from "../../text/printable.ts";

/** Callers such as supervisors want an answer even if the daemon hangs. */
const TIMEOUT_MS = 5_000;

/** Asks the daemon whether it accepts calls; the exit status is 0 if it does. */
export async function health({ io, settings, client }: Context): Promise<number> {
  const status = await client.checkHealth({
    signal: io.interrupted,
    timeoutMs: TIMEOUT_MS,
  });
  await printLine(io.stdout, settings.json ? jsonLine({ status }) : status);
  return status === "serving" ? 0 : FAILURE;
}
