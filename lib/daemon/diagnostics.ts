/**
 * The daemon's own lines, as opposed to the output of jobs: one line an event, on standard error,
 * never with a secret in it.
 *
 * @module
 */

import { configure, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import { printable } from "../printable.ts";
import { StandardOutput } from "../standard_output.ts";

/** The logger of the whole daemon; configured once, by {@linkcode configureDiagnostics}. */
export const diagnostics: Logger = getLogger(["job-worker"]);

/**
 * Sends the diagnostics to standard error.
 *
 * Written at once and not through a queue: the last line before the end of the process counts most.
 */
export async function configureDiagnostics(options: { debug: boolean }): Promise<void> {
  const encoder = new TextEncoder();
  const { stderr } = StandardOutput.both();
  await configure({
    reset: true,
    sinks: { stderr: (record) => stderr.writeSync(encoder.encode(lineOf(record))) },
    loggers: [
      {
        category: ["job-worker"],
        lowestLevel: options.debug ? "debug" : "info",
        sinks: ["stderr"],
      },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

function lineOf({ timestamp, level, message, rawMessage, properties }: LogRecord): string {
  const text = message.map((part) => typeof part === "string" ? part : String(part)).join("");
  // What the text says already is not said again, but where an error comes from it does not say.
  const fields = Object.entries(properties)
    .filter(([name, value]) => value instanceof Error || !rawMessage.includes(`{${name}}`))
    .map(([name, value]) => ` ${name}=${fieldOf(value)}`);
  const line = `${new Date(timestamp).toISOString()} ${level.toUpperCase()} ${text}`;
  // What clients chose, such as a name in a certificate, must not forge lines or move the cursor.
  return `${printable(line + fields.join(""))}\n`;
}

function fieldOf(value: unknown): string {
  const text = value instanceof Error ? value.stack ?? value.message : value;
  return JSON.stringify(text) ?? String(text);
}
