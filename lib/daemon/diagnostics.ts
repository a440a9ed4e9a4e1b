/**
 * The daemon's own lines, as opposed to the output of jobs: one line an event, on standard error,
 * never with a secret in it.
 *
 * @module
 */

import { configure, getLogger, type Logger, type LogRecord } from "@logtape/logtape";

/** The logger of the whole daemon; configured once, by {@linkcode configureDiagnostics}. */
export const diagnostics: Logger = getLogger(["job-worker"]);

/**
 * Sends the diagnostics to standard error.
 *
 * Written at once and not through a queue: the last line before the end of the process counts most.
 */
export async function configureDiagnostics(options: { debug: boolean }): Promise<void> {
  const encoder = new TextEncoder();
  await configure({
    reset: true,
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encoder.encode(lineOf(record))) },
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

function lineOf({ timestamp, level, message, properties }: LogRecord): string {
  const text = message.map((part) => typeof part === "string" ? part : String(part)).join("");
  const fields = Object.entries(properties).map(([name, value]) => ` ${name}=${fieldOf(value)}`);
  return `${new Date(timestamp).toISOString()} ${level.toUpperCase()} ${oneLine(text)}` +
    `${fields.join("")}\n`;
}

function fieldOf(value: unknown): string {
  const text = value instanceof Error ? value.stack ?? value.message : value;
  return typeof text === "string" ? JSON.stringify(text) : JSON.stringify(text) ?? String(text);
}

/** What clients chose, such as a name in a certificate, must not forge lines or move the cursor. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
}
