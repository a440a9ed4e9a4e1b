import { JobWorkerError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { checkJobName } from "../../lib/job/job_name.ts";
import { assert } from "../assert.ts";

function isRefused(name: string): boolean {
  try {
    checkJobName(name);
    return false;
  } catch (error) {
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "invalid_argument");
    assert.equal(error.field, "name");
    assert.match(error.message, /^Invalid name ".*": it must be 1 to 63 letters/);
    return true;
  }
}

Deno.test("checkJobName() accepts what containers may be called, and no name", () => {
  for (
    const name of ["", "x", "nightly", "web-1", "Build_2.tmp", "7z", "a.", `g${"0".repeat(62)}`]
  ) {
    assert.equal(isRefused(name), false, name);
  }
});

Deno.test("checkJobName() refuses what could be an id, a part of one, or another word for a job", () => {
  const id = newId();
  const parts = [
    id,
    id.toUpperCase(),
    id.slice(0, 8),
    id.slice(-8),
    "cafe",
    "DEAD-beef",
    "0",
    "a-",
  ];
  const words = [
    "-",
    "@last",
    "--name",
    ".x",
    "_x",
    "a b",
    "a/b",
    "ä",
    "x\n",
    "x\0",
    "x".repeat(64),
  ];
  for (const name of [...parts, ...words]) assert.equal(isRefused(name), true, name);
});
