/**
 * What the daemon logs about itself, as opposed to the output of jobs: one line per event, on standard error,
 * and never with a secret in it.
 *
 * @module
 */

import { configure, getLogger, type Logger, type LogLevel, type LogRecord } from "@logtape/logtape";
import { messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { StandardOutput } from "../stdio/standard_output.ts";
import { collectLine, type Severity } from "../tracing/collected_log.ts";
import { journalLines } from "./journal.ts";

/** The logger of the whole daemon; configured once, by {@linkcode configureDiagnostics}. */
export const diagnostics: Logger = getLogger(["job-worker"]);

/** Options of {@linkcode configureDiagnostics}. */
export interface DiagnosticsOptions {
  readonly debug: boolean;
  /** Whether standard error is systemd's journal, see {@linkcode journalLines}. */
  readonly journal: boolean;
}

/** How severe that is in the words of OpenTelemetry. */
const SEVERITIES: Readonly<Record<LogLevel, Severity>> = {
  trace: "debug",
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  fatal: "error",
};

/**
 * Sends the diagnostics to standard error, and to a collector of log records if there is one. Those include an uncaught error, which ends the process as it would
 * anyway.
 *
 * Lines are written at once and not through a queue: the last one before the process ends counts most.
 */
export async function configureDiagnostics({ debug, journal }: DiagnosticsOptions): Promise<void> {
  const encoder = new TextEncoder();
  const stderr = StandardOutput.stderr();
  const lineOf = journal ? journalLineOf : plainLineOf;
  globalThis.addEventListener("error", (event) => endBy(event.error));
  globalThis.addEventListener("unhandledrejection", (event) => endBy(event.reason));
  await configure({
    reset: true,
    sinks: {
      stderr: (record) => {
        stderr.writeSync(encoder.encode(lineOf(record)));
        collectLine?.(SEVERITIES[record.level], textOf(record));
      },
    },
    loggers: [
      {
        category: ["job-worker"],
        lowestLevel: debug ? "debug" : "info",
        sinks: ["stderr"],
      },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

function endBy(error: unknown): never {
  diagnostics.fatal("Ended by an internal error: {why}", { why: messageOf(error), error });
  Deno.exit(1);
}

function plainLineOf(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  return `${time} ${record.level.toUpperCase()} ${textOf(record)}\n`;
}

function journalLineOf(record: LogRecord): string {
  return journalLines(record.level, `${textOf(record)}\n`);
}

function textOf({ message, rawMessage, properties }: LogRecord): string {
  const text = message.map((part) => typeof part === "string" ? part : String(part)).join("");
  // What the text says already is not repeated. It does not say where an error comes from.
  const fields = Object.entries(properties)
    .filter(([name, value]) => value instanceof Error || !rawMessage.includes(`{${name}}`))
    .map(([name, value]) => ` ${name}=${fieldOf(value)}`);
  // Text that clients chose, such as a name in a certificate, must not forge lines or move the cursor.
  return printable(text + fields.join(""));
}

function fieldOf(value: unknown): string {
  const text = value instanceof Error ? value.stack ?? value.message : value;
  return JSON.stringify(text) ?? String(text);
}
