/// <reference lib="deno.worker" />
/**
 * The thread of a `BcryptThread`, which blocks while it compares.
 *
 * @module
 */

import bcrypt from "bcryptjs";

/** A message to the thread. */
export interface Question {
  readonly password: string;
  readonly hashes: readonly string[];
}

/** The answer of the thread: whether the first hash is that of the password. Each question has one, in turn. */
export type Answer = boolean;

self.onmessage = ({ data: { password, hashes } }: MessageEvent<Question>) => {
  const [hash = "", ...others] = hashes;
  const matches = bcrypt.compareSync(password, hash);
  if (!matches) { for (const other of others) bcrypt.compareSync(password, other); }
  self.postMessage(matches satisfies Answer);
};
