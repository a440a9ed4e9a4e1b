import { quoted } from "../text/quoted.ts";
import { JobWorkerError } from "../errors.ts";
import { signalNumber, SIGNALS } from "./signals.ts";

/**
 * The form in which kill(1) takes a signal: `"TERM"` for `"SIGTERM"`, `"term"` and `"15"`; the number
 * of a real-time signal.
 *
 * @param field of the request
 * @throws `invalid_argument` for what is not a signal
 */
export function parseSignal(text: string, field = "signal"): string {
  const name = text.toUpperCase().replace(/^SIG/, "");
  const plain = /^\d{1,2}$/.test(name) ? Number(name) : null;
  const known = plain !== null && plain >= 1 && plain <= SIGNALS.length;
  const number = known ? plain : signalNumber(`SIG${name}`);
  if (number !== null) return SIGNALS[number - 1] ?? String(number);
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid signal ${quoted(text)}: use a name from signal(7), such as SIGTERM or INT, ` +
      "or a number from 1 to 31 or from 34 to 64",
    { field },
  );
}
