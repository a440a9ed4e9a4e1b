import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";

/** The part of a terminal that is needed here; `Deno.stdin` has it. */
export interface PasswordSource {
  isTerminal(): boolean;
  /** Passes keys on at once, without showing them; with `cbreak`, Ctrl-C still sends a signal. */
  setRaw(mode: boolean, options?: { cbreak: boolean }): void;
  read(buffer: Uint8Array): Promise<number | null>;
}

/** Options of {@linkcode askPassword}. */
export interface AskPasswordOptions {
  /**
   * Where to read the password: from a terminal, which does not show it, or as one line from a
   * pipe.
   */
  readonly source: PasswordSource;
  /** Shows the question; called for a terminal only. */
  readonly print: (text: string) => void;
  /** Ends the question, and restores the terminal. */
  readonly signal: AbortSignal;
}

const ENTER = new Set(["\r", "\n", "\x04"]);
const ERASE = new Set(["\x7f", "\b"]);
const ERASE_ALL = "\x15";

/**
 * Asks for a password.
 *
 * @throws {JobWorkerError} `invalid_argument` if it is empty; the reason of the signal if that is aborted
 */
export async function askPassword(
  question: string,
  { source, print, signal }: AskPasswordOptions,
): Promise<string> {
  if (!source.isTerminal()) return await readLine(source, signal);
  // Before the question, or a quick answer would show.
  source.setRaw(true, { cbreak: true });
  try {
    print(question);
    return await readLine(source, signal);
  } finally {
    source.setRaw(false);
    print("\n");
  }
}

/**
 * Asks for a new password: on a terminal twice, because what cannot be seen is easily mistyped.
 *
 * @throws {JobWorkerError} `invalid_argument` if it is empty, or the two differ
 */
export async function askNewPassword(
  question: string,
  options: AskPasswordOptions,
): Promise<string> {
  const password = await askPassword(question, options);
  if (options.source.isTerminal() && await askPassword("Again: ", options) !== password) {
    throw new JobWorkerError("invalid_argument", "The two passwords do not match");
  }
  return password;
}

async function readLine(source: PasswordSource, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder("utf-8");
  const buffer = new Uint8Array(256);
  let typed: string[] = [];
  for (;;) {
    const length = await abortable(source.read(buffer), signal);
    const text = length === null
      ? "\x04"
      : decoder.decode(buffer.subarray(0, length), { stream: true });
    for (const key of text) {
      if (ENTER.has(key)) {
        if (typed.length > 0) return typed.join("");
        throw new JobWorkerError("invalid_argument", "No password was given");
      }
      if (ERASE.has(key)) typed.pop();
      else if (key === ERASE_ALL) typed = [];
      else typed.push(key);
    }
  }
}
