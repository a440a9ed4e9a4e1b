/** Signals 1 to 31 of Linux on every architecture that Deno runs on, in order; see signal(7). */
export const SIGNALS: readonly string[] = [
  ..."HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT".split(" "),
  ..."CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(" "),
];

/** Real-time signals as glibc counts them: it keeps 32 and 33 for itself. */
const REALTIME_FIRST = 34;
const REALTIME_LAST = 64;

/**
 * The number of a signal that is named as in signal(7): `SIGTERM`, `SIGRTMIN+3`, `SIGRTMAX-2`, or
 * `SIG34` where only the number is known.
 *
 * @returns `null` for a name that Linux does not have.
 */
export function signalNumber(name: string): number | null {
  const index = SIGNALS.indexOf(name.replace(/^SIG/, ""));
  if (index >= 0) return index + 1;
  const match = /^SIG(?:RT(MIN|MAX)(?:([+-]\d{1,2}))?|(\d{1,2}))$/.exec(name);
  if (match === null) return null;
  const [, edge, distance = "0", plain] = match;
  const base = edge === undefined ? 0 : edge === "MIN" ? REALTIME_FIRST : REALTIME_LAST;
  const number = base + Number(plain ?? distance);
  return number >= REALTIME_FIRST && number <= REALTIME_LAST ? number : null;
}
