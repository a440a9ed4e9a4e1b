import { PageLimit } from "../../lib/job/page_limit.ts";
import { assert } from "../assert.ts";

Deno.test("PageLimit has room for so many jobs and bytes, and always for one job", () => {
  const taken = (limit: number, maxBytes: number, sizes: readonly number[]) => {
    const pageLimit = new PageLimit({ limit, maxBytes });
    return sizes.map((size) => pageLimit.admit("x".repeat(size))).lastIndexOf(true) + 1;
  };
  assert.equal(taken(3, 100, [1, 1, 1, 1]), 3);
  assert.equal(taken(9, 100, [50, 50, 0, 1]), 3);
  assert.equal(taken(9, 100, [101, 0]), 1);
  assert.equal(taken(9, 100, [60, 60, 1]), 1, "What comes behind a gap has to wait");
  const pageLimit = new PageLimit({ limit: 9, maxBytes: 5 });
  assert.deepEqual(
    ["€", "ü", ""].map((record) => pageLimit.admit(record)),
    [true, true, true],
    "In UTF-8",
  );
  assert.equal(taken(0, 100, [1]), 0);
});
