import { rateLimit } from "../../lib/rest/rate_limit.ts";
import { assert } from "../assert.ts";

Deno.test("rateLimit() passes on a few reports at a time, and says how many it left out", () => {
  let now = 0;
  const reports: [number, number][] = [];
  const report = rateLimit<number>((item, leftOut) => reports.push([item, leftOut]), {
    max: 2,
    perMs: 10,
    now: () => now,
  });
  for (let item = 1; item <= 5; item++) report(item);
  now = 10;
  report(6);
  now = 25;
  for (let item = 7; item <= 10; item++) report(item);
  now = 34;
  report(11);
  now = 35;
  report(12);
  assert.deepEqual(reports, [[1, 0], [2, 0], [6, 3], [7, 0], [8, 0], [12, 3]]);
});
