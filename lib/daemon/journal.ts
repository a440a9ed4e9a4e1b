import { fstatSync } from "node:fs";
import type { LogLevel } from "@logtape/logtape";

/** The priorities of syslog(3). */
const PRIORITIES: Readonly<Record<LogLevel, number>> = {
  trace: 7,
  debug: 7,
  info: 6,
  warning: 4,
  error: 3,
  fatal: 2,
};

/**
 * Whether what we write to standard error goes to systemd's journal, as systemd.exec(5) has it: by the
 * device and inode in `JOURNAL_STREAM`. Whoever inherits the variable may have another standard error.
 */
export function isJournal(environment: (name: string) => string | undefined): boolean {
  const stream = environment("JOURNAL_STREAM");
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}

/** Lines as the journal takes them, see sd-daemon(3): it knows the time itself, but not the priority. */
export function journalLines(level: LogLevel, text: string): string {
  return text.replace(/^(?=[^])/gm, `<${PRIORITIES[level]}>`);
}
