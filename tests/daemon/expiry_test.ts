import { watchExpiry } from "../../lib/daemon/expiry.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";

const DAY_MS = 86_400_000;

Deno.test("watchExpiry() warns once a day while few days are left, and not after its end", () => {
  using timers = new FakeTimers();
  const warnings: string[] = [];
  const notAfter = Date.now() + 10.5 * DAY_MS;
  {
    using _watch = watchExpiry(notAfter, (expires) => warnings.push(expires));
    assert.deepEqual(warnings, ["expires in 10 days"]);
    timers.pass(3 * DAY_MS);
    assert.deepEqual(warnings, Array(4).fill("expires in 10 days"));
  }
  assert.equal(timers.pending, 0);
});

Deno.test("watchExpiry() has nothing to say of a certificate that is good for long", () => {
  using timers = new FakeTimers();
  const notAfter = Date.now() + 31.5 * DAY_MS;
  using _watch = watchExpiry(notAfter, () => assert.fail());
  timers.pass(DAY_MS);
});

Deno.test("watchExpiry() warns when less than thirty days are left, and not before", () => {
  using timers = new FakeTimers();
  const { now } = Date;
  Date.now = () => 1_700_000_000_000;
  try {
    const cases = [
      [30 * DAY_MS, []],
      [30 * DAY_MS - 1, ["expires in 29 days"]],
      [DAY_MS, ["expires in 1 day"]],
      [0, ["expires within a day"]],
      [-1, ["has expired"]],
    ] as const;
    for (const [left, expected] of cases) {
      const warnings: string[] = [];
      using _watch = watchExpiry(Date.now() + left, (expires) => warnings.push(expires));
      assert.deepEqual(warnings, expected, `${left} ms`);
    }
  } finally {
    Date.now = now;
  }
  assert.equal(timers.pending, 0);
});
