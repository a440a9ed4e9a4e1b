import { invalidArgument } from "../../errors.ts";
import { parseShare, roundedUp, type Share, shareText } from "./share.ts";

/** The most waves that a line may name. */
const MAX_WAVES = 100;

/**
 * Reads `1,10%,100%`: how many hosts have had their turn by the end of each wave.
 *
 * @throws `invalid_argument`, naming what is wrong
 */
export function parseWaves(text: string): readonly Share[] {
  const waves = text.split(",").map(parseShare);
  if (waves.length > MAX_WAVES) {
    throw invalidArgument(`${waves.length} waves are too many: it can be at most ${MAX_WAVES}`);
  }
  for (const [index, wave] of waves.entries()) {
    const before = waves[index - 1];
    if (before === undefined || isMore(wave, before)) continue;
    throw invalidArgument(
      `${shareText(wave)} is not more than ${shareText(before)}: each wave says how many hosts ` +
        "have had their turn by its end",
    );
  }
  return waves;
}

/** Whether one wave goes further than another. Of a number and a part, that depends on the number of hosts. */
function isMore(wave: Share, before: Share): boolean {
  if ("count" in wave && "count" in before) return wave.count > before.count;
  if ("percent" in wave && "percent" in before) return wave.percent > before.percent;
  return true;
}

/**
 * Deals out hosts to waves. What the last one that was named leaves is one more wave; one that adds nobody is left
 * out.
 */
export function inWaves<T>(all: readonly T[], waves: readonly Share[]): T[][] {
  const dealt: T[][] = [];
  let begin = 0;
  for (const wave of [...waves, { percent: 100 }]) {
    const end = Math.min(roundedUp(wave, all.length), all.length);
    if (end <= begin) continue;
    dealt.push(all.slice(begin, end));
    begin = end;
  }
  return dealt;
}
