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
 * Whether our standard error is systemd's journal, whose device and inode are in `JOURNAL_STREAM`, see
 * systemd.exec(5). A process that inherits the variable may have another standard error.
 */
export async function isJournal(
  environment: (name: string) => string | undefined,
): Promise<boolean> {
  const stream = environment("JOURNAL_STREAM");
  if (stream === undefined) return false;
  // Loaded only here: it takes Deno twice as long as to start.
  const { fstatSync } = await import("node:fs");
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}

/** Lines for the journal, see sd-daemon(3): it adds the time itself, but not the priority. */
export function journalLines(level: LogLevel, text: string): string {
  return text.replace(/^(?=[^])/gm, `<${PRIORITIES[level]}>`);
}
