import { isMissingRight, JobWorkerError, messageOf } from "../errors.ts";
import { adviceFor } from "./advice.ts";
import { exitStatusOfError, FAILURE } from "./exit_status.ts";
import type { Settings } from "./invocation.ts";
import { type Io, printLine } from "./io.ts";
import { inWordsOfLine } from "./option_fields.ts";
import { printableLines } from "../text/printable.ts";

/**
 * Says what went wrong and what to do next, and with `--debug` also where.
 *
 * @returns the exit status
 */
export async function printFailure(
  { io, settings }: { io: Io; settings: Settings },
  error: unknown,
  advise: typeof adviceFor = adviceFor,
): Promise<number> {
  const lines: string[] = [];
  if (error instanceof JobWorkerError) {
    lines.push(`worker-cli: ${inWordsOfLine(error.message, error.field)}`);
    // With a field, the request is wrong, and advice about the connection would mislead.
    const advice = error.field === undefined ? advise(error, settings) : null;
    if (advice !== null) lines.push(advice);
  } else {
    lines.push(`worker-cli: ${messageOf(error)}`);
    if (!isMissingRight(error)) {
      lines.push("This is a bug in worker-cli; --debug shows where");
    }
  }
  if (settings.debug) lines.push(Deno.inspect(error));
  await printLine(io.stderr, printableLines(lines.join("\n")));
  return error instanceof JobWorkerError ? exitStatusOfError(error.code) : FAILURE;
}
