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
