import { spanText } from "../../lib/rest/page/ages.js";
import { liveSpan } from "../../lib/rest/page/job_words.ts";
import { isAmong } from "../../lib/rest/page/changes.js";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

Deno.test("The page words a length of time as the daemon does", () => {
  const days = 86_400_000;
  const span = fc.oneof(fc.integer({ min: -5000, max: 70_000 }), fc.integer({ max: 900 * days }));
  fc.assert(fc.property(span, (ms) => assert.equal(spanText(ms), liveSpan(ms))));
});

Deno.test("A page knows the jobs that it is about by what they have in common", () => {
  const job = { jobId: "a", owner: "bob", host: undefined, labels: { team: "blue", n: "1" } };
  for (
    const members of [{}, { owner: "bob" }, { labels: { n: "1" } }, { jobId: "a", labels: {} }]
  ) {
    assert.equal(isAmong(job, members), true, JSON.stringify(members));
  }
  for (
    const members of [{ owner: "eve" }, { host: "web-1" }, { labels: { n: "2" } }, {
      labels: { x: "" },
    }]
  ) {
    assert.equal(isAmong(job, members), false, JSON.stringify(members));
  }
});
