import { checkNatsVersion } from "../../lib/fleet/nats_version.ts";
import { assert } from "../assert.ts";

Deno.test("checkNatsVersion() takes servers from the first that is safe on", () => {
  for (
    const version of [
      "2.12.6",
      "2.12.10",
      "2.13.0",
      "2.15.1",
      "3.0.0",
      "2.12.6+build",
      "2.13.0-RC.1",
    ]
  ) {
    checkNatsVersion(version);
  }
});

Deno.test("checkNatsVersion() refuses older ones, and names both versions", () => {
  for (const version of ["2.9.10", "2.12.5", "2.12.6-RC.1", "1.99.99", "2.11.15"]) {
    assert.throws(() => checkNatsVersion(version), {
      code: "failed_precondition",
      message:
        `Cannot use nats-server ${version}: use 2.12.6 or later; an older one may take the holder ` +
        "of one certificate for another (CVE-2026-33248)",
    });
  }
  for (const version of ["", "2.15", "v2.15.1", "newest", "2.15.1\n"]) {
    assert.throws(() => checkNatsVersion(version), { code: "failed_precondition" }, version);
  }
});
