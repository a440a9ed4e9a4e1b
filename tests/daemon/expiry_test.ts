import { watchExpiry } from "../../lib/daemon/expiry.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";

const DAY_MS = 86_400_000;

Deno.test("watchExpiry() warns once a day while few days are left, and not after its end", () => {
  using timers = new FakeTimers();
  const warnings: number[] = [];
  const notAfter = Date.now() + 10.5 * DAY_MS;
  {
    using _watch = watchExpiry({ notAfter }, (days) => warnings.push(days));
    assert.deepEqual(warnings, [10]);
    timers.pass(3 * DAY_MS);
    assert.deepEqual(warnings, [10, 10, 10, 10]);
  }
  assert.equal(timers.pending, 0);
});

Deno.test("watchExpiry() has nothing to say of a certificate that is good for long", () => {
  using timers = new FakeTimers();
  const notAfter = Date.now() + 31.5 * DAY_MS;
  using _watch = watchExpiry({ notAfter }, () => assert.fail());
  timers.pass(DAY_MS);
});

Deno.test("watchExpiry() warns when less than thirty days are left, and not before", () => {
  using timers = new FakeTimers();
  const { now } = Date;
  Date.now = () => 1_700_000_000_000;
  try {
    const cases = [[30 * DAY_MS, []], [30 * DAY_MS - 1, [29]], [0, [0]], [-1, [-1]]] as const;
    for (const [left, expected] of cases) {
      const warnings: number[] = [];
      using _watch = watchExpiry({ notAfter: Date.now() + left }, (days) => warnings.push(days));
      assert.deepEqual(warnings, expected, `${left} ms`);
    }
  } finally {
    Date.now = now;
  }
  assert.equal(timers.pending, 0);
});
