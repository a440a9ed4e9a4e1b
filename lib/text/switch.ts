/**
 * Reads a switch as people set it in a variable or a file.
 *
 * @throws an error that says what is accepted; the caller says which switch it is about
 */
export function parseSwitch(text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  throw new Error("must be true or false");
}
