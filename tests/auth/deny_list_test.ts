import { denyListOf, isDenied } from "../../lib/auth/deny_list.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";

const FINGERPRINT = "0a".repeat(32);

Deno.test("denyListOf() takes serial numbers and fingerprints as openssl prints them", () => {
  const list = denyListOf([" 0AFB1C ", FINGERPRINT.toUpperCase().replace(/..(?=.)/g, "$&:")]);
  assert.equal(isDenied(list, "afb1c", ""), true);
  assert.equal(isDenied(list, "000afb1c", ""), true);
  assert.equal(isDenied(list, "1", FINGERPRINT), true);
  assert.equal(isDenied(list, "afb1", FINGERPRINT.replace("0", "1")), false);
});

Deno.test("denyListOf() refuses what is neither", () => {
  for (const entry of ["", "0x12", "bob", "a".repeat(41), `${FINGERPRINT}a`, "-1"]) {
    assert.throws(
      () => denyListOf([entry]),
      (error) => error instanceof JobWorkerError && error.code === "invalid_argument",
      entry,
    );
  }
});
