import { abortable } from "../async/abortable.ts";

/** Options of {@linkcode confirm}. */
export interface ConfirmOptions {
  /** The terminal that the answer is typed at. */
  readonly source: { read(buffer: Uint8Array): Promise<number | null> };
  readonly print: (text: string) => void;
  /** Ends the question. */
  readonly signal: AbortSignal;
}

/** The longest answer that is read to its end, in bytes. */
const MAX_ANSWER_BYTES = 1024;

/**
 * Asks a question that is to be answered with yes or no.
 *
 * @returns true for `y` and `yes`; false for anything else, and at the end of the input
 * @throws the reason of the signal
 */
export async function confirm(
  question: string,
  { source, print, signal }: ConfirmOptions,
): Promise<boolean> {
  print(`${question} [y/N] `);
  const buffer = new Uint8Array(MAX_ANSWER_BYTES);
  let length = 0;
  while (length < buffer.length && !buffer.subarray(0, length).includes(0x0a)) {
    const read = await abortable(source.read(buffer.subarray(length)), signal);
    if (read === null) break;
    length += read;
  }
  const answer = new TextDecoder().decode(buffer.subarray(0, length));
  return /^\s*y(es)?\s*$/i.test(answer);
}
