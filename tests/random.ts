/**
 * Random choices of tests. All of them come from one seed, which is printed, and which the variable
 * `JOB_WORKER_SEED` brings back.
 *
 * @module
 */

import fc from "fast-check";

const VARIABLE = "JOB_WORKER_SEED";

const SEED = seed();

fc.configureGlobal({ seed: SEED });

/** Properties, of values that come from the seed. */
export { fc };

/**
 * A source of numbers like `Math.random()`.
 *
 * @param label another one, another sequence
 */
export function seeded(label: string): () => number {
  let state = SEED;
  for (const character of label) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193);
  // Mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function seed(): number {
  const given = Deno.env.get(VARIABLE);
  if (given !== undefined) return Number(given) | 0;
  const seed = crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
  // `deno task test` has said it already.
  Deno.stderr.writeSync(new TextEncoder().encode(`Random choices come from ${VARIABLE}=${seed}\n`));
  return seed;
}
