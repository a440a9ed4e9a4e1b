import { JobWorkerError } from "../errors.ts";

/** The signals of signal(7) that a job can be sent, by number; those that are alike everywhere. */
const NAMES = [
  "HUP",
  "INT",
  "QUIT",
  "ILL",
  "TRAP",
  "ABRT",
  "BUS",
  "FPE",
  "KILL",
  "USR1",
  "SEGV",
  "USR2",
  "PIPE",
  "ALRM",
  "TERM",
  "STKFLT",
  "CHLD",
  "CONT",
  "STOP",
  "TSTP",
  "TTIN",
  "TTOU",
  "URG",
  "XCPU",
  "XFSZ",
  "VTALRM",
  "PROF",
  "WINCH",
  "IO",
  "PWR",
  "SYS",
];

/**
 * The form in which kill(1) takes a signal: `"TERM"` for `"SIGTERM"`, `"term"` and `"15"`; a number
 * for a real-time signal.
 *
 * @throws `invalid_argument` for what is not a signal
 */
export function parseSignal(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, "");
  if (NAMES.includes(name)) return name;
  const number = /^\d{1,2}$/.test(name) ? Number(name) : 0;
  const byNumber = NAMES[number - 1] ?? (number >= 34 && number <= 64 ? String(number) : undefined);
  if (byNumber !== undefined) return byNumber;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid signal ${JSON.stringify(text.slice(0, 40))}: accepted are the names of signal(7), ` +
      `such as SIGTERM or INT, and the numbers 1 to 31 and 34 to 64`,
  );
}
