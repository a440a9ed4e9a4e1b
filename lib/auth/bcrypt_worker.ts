/// <reference lib="deno.worker" />
/**
 * The thread of a `BcryptThread`, which blocks while it compares.
 *
 * @module
 */

import bcrypt from "bcryptjs";

/** A message to the thread. */
export interface Question {
  readonly id: number;
  readonly password: string;
  readonly hashes: readonly string[];
}

/** The answer of the thread. */
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
