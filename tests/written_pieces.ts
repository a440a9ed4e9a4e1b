/**
 * Writes what may come to an output of this process, as a test has it do: `pieces(seed)`, by
 * `writeSync` or `write`.
 *
 * @module
 */

import { bothOutputs } from "../lib/stdio/both_outputs.ts";
import { StandardOutput } from "../lib/stdio/standard_output.ts";

/** How many bytes there are for each seed. */
export const TOTAL_BYTES = 300_000;

/** Long and short pieces, with line ends and without, in text and not; the same for the same seed. */
export function* pieces(seed: number): Generator<Uint8Array<ArrayBuffer>> {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    return (state >>> 12) % below;
  };
  const kinds: ((at: number) => number)[] = [
    // Letters, no line ever ends.
    (at) => 97 + at % 26,
    // Lines of any length.
    () => random(70) === 0 ? 10 : 98,
    // Random bytes, without what a terminal takes for the end of a line.
    () => Math.max(14, random(256)),
    // Lines of 80.
    (at) => at % 80 === 79 ? 10 : 99,
  ];
  for (let left = TOTAL_BYTES; left > 0;) {
    const length = Math.min(left, random(3) === 0 ? random(300) : random(50_000));
    const kind = kinds[random(kinds.length)] ?? (() => 0);
    yield Uint8Array.from({ length }, (_, at) => kind(at));
    left -= length;
  }
}

if (import.meta.main) {
  const [name, how, seed] = Deno.args;
  const output = how === "unknown"
    ? StandardOutput.stdout()
    : bothOutputs()[name === "stderr" ? "stderr" : "stdout"];
  for (const piece of pieces(Number(seed))) {
    if (how !== "write") output.writeSync(piece);
    else await output.write(piece);
  }
  Deno.exit(0);
}
