import { parseShare, roundedDown, roundedUp } from "../../../lib/cli/many/share.ts";
import { inWaves, parseWaves } from "../../../lib/cli/many/waves.ts";
import { assert } from "../../assert.ts";

function hosts(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function sizes(count: number, waves: string): number[] {
  return inWaves(hosts(count), parseWaves(waves)).map(({ length }) => length);
}

Deno.test("parseShare() reads numbers and percents, and says what it takes", () => {
  assert.deepEqual([parseShare("7"), parseShare("10%")], [{ count: 7 }, { percent: 10 }]);
  for (const text of ["0", "0%", "101%", "-1", "1.5", "", "%", "ten", "1%%"]) {
    assert.throws(() => parseShare(text), /neither a number of hosts/, text);
  }
});

Deno.test("A share of what cannot be divided is rounded up for a wave, and down for a limit", () => {
  assert.equal(roundedUp({ percent: 10 }, 15), 2);
  assert.equal(roundedDown({ percent: 10 }, 29), 2);
  // Nothing could be started.
  assert.equal(roundedDown({ percent: 10 }, 5), 1);
  assert.equal(roundedDown({ count: 7 }, 5), 7);
});

Deno.test("inWaves() deals out every host once, in order, up to what each wave says", () => {
  assert.deepEqual(sizes(1000, "1,10%,100%"), [1, 99, 900]);
  assert.deepEqual(sizes(15, "1,10%,100%"), [1, 1, 13]);
  // What is left is one more wave, and one that adds nobody is none.
  assert.deepEqual(sizes(10, "2,5"), [2, 3, 5]);
  assert.deepEqual(sizes(5, "1,10%,100%"), [1, 4]);
  assert.deepEqual(sizes(3, "50,100%"), [3]);
  assert.deepEqual(inWaves(hosts(5), []), [hosts(5)]);
  assert.deepEqual(inWaves([], parseWaves("1,100%")), []);
  assert.deepEqual(inWaves(hosts(40), parseWaves("1,20%,60%")).flat(), hosts(40));
});

Deno.test("parseWaves() refuses waves that do not go further than the one before", () => {
  assert.throws(() => parseWaves("10,5"), /5 is not more than 10/);
  assert.throws(() => parseWaves("10%,10%"), /10% is not more than 10%/);
  assert.throws(() => parseWaves("1,,5"), /neither a number/);
  const many = Array.from({ length: 101 }, (_, index) => index + 1).join(",");
  assert.throws(() => parseWaves(many), /101 waves are too many/);
});
