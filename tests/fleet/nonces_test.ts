import { Nonces } from "../../lib/fleet/nonces.ts";
import { assert } from "../assert.ts";

Deno.test("Nonces takes each one once, and forgets it when its call is no longer valid", () => {
  const nonces = new Nonces(2);
  const epoch = nonces.epoch(0);
  assert.equal(nonces.add("a", { epoch, expiresAt: 10, now: 0 }), "new");
  assert.equal(nonces.add("a", { epoch, expiresAt: 10, now: 9 }), "repeated");
  assert.equal(nonces.add("b", { epoch, expiresAt: 20, now: 9 }), "new");
  assert.equal(nonces.add("c", { epoch, expiresAt: 20, now: 9 }), "full");
  // Whoever brings them refuses by the time what is as old as that.
  assert.equal(nonces.add("c", { epoch, expiresAt: 20, now: 10 }), "new");
  assert.equal(nonces.add("b", { epoch, expiresAt: 20, now: 19 }), "repeated");
});

Deno.test("Nonces takes none of another epoch", () => {
  const nonces = new Nonces(2);
  const call = { expiresAt: 10, now: 0 };
  assert.equal(nonces.add("a", { ...call, epoch: "" }), "other_epoch");
  assert.equal(nonces.add("a", { ...call, epoch: new Nonces(2).epoch(0) }), "other_epoch");
  assert.equal(nonces.add("a", { ...call, epoch: nonces.epoch(0) }), "new");
});

Deno.test("Nonces begins another epoch when the clock goes back", () => {
  const nonces = new Nonces(2);
  const epoch = nonces.epoch(100);
  assert.equal(nonces.add("a", { epoch, expiresAt: 110, now: 100 }), "new");
  assert.equal(nonces.epoch(110), epoch);
  assert.equal(nonces.add("b", { epoch, expiresAt: 170, now: 110 }), "new");
  // It has forgotten `a`, which would be valid again.
  assert.equal(nonces.add("a", { epoch, expiresAt: 110, now: 109 }), "other_epoch");
  assert.notEqual(nonces.epoch(109), epoch);
});
