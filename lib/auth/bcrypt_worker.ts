/// <reference lib="deno.worker" />
/**
 * The thread of a `BcryptThread`: it may be busy for as long as a comparison takes.
 *
 * @module
 */

import bcrypt from "bcryptjs";

/** What the thread is asked. */
export interface Question {
  readonly id: number;
  readonly password: string;
  readonly hashes: readonly string[];
}

/** What it says. */
export interface Answer {
  readonly id: number;
  readonly matches: boolean;
}

self.onmessage = ({ data: { id, password, hashes } }: MessageEvent<Question>) => {
  const [hash = "", ...others] = hashes;
  const matches = bcrypt.compareSync(password, hash);
  if (!matches) { for (const other of others) bcrypt.compareSync(password, other); }
  self.postMessage({ id, matches } satisfies Answer);
};
