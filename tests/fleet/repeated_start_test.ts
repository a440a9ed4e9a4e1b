/** Starts that are asked for several times at once, as a client does that has lost its connection. */

import { JobWorkerError } from "../../lib/errors.ts";
import type { Job } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { job } from "../executor/job_fixture.ts";
import { contextOf, TRUE } from "../service/fixture.ts";
import { soon } from "../soon.ts";
import { FakeHost, openHub, type TestHub } from "./fake_hosts.ts";

const BOB = contextOf("bob", ["operator"]);

/** Asks for the same three times at once, and waits for all answers. */
async function thrice({ hub }: TestHub): Promise<PromiseSettledResult<Job>[]> {
  const request = { command: TRUE, labels: {}, requestId: "once" };
  const starts = Array.from({ length: 3 }, () => hub.startJob(request, BOB));
  return await soon(Promise.allSettled(starts), () => "all answers");
}

/** The one job that all were told of. */
function idOf(answers: readonly PromiseSettledResult<Job>[]): string {
  const ids = new Set(answers.map((each) => each.status === "fulfilled" && each.value.jobId));
  const [id, ...others] = ids;
  assert.deepEqual(others, []);
  return id || assert.fail("There is no job");
}

Deno.test("Repeats of a start that waits are told of the same job", async () => {
  const full = new FakeHost("a");
  full.slots = 0;
  await using test = await openHub(full);
  const jobId = idOf(await thrice(test));
  assert.deepEqual([...await test.registry.queue.positions()], [[jobId, 1]]);
});

Deno.test("Repeats of a start that a host is given are told of the same job, or the same refusal", async () => {
  const a = new FakeHost("a");
  await using test = await openHub(a);
  a.start = () => Promise.reject(new JobWorkerError("not_found", "No such program"));
  for (const each of await thrice(test)) {
    assert.equal(each.status === "rejected" && each.reason.message, "No such program");
  }
  a.start = ({ jobId }) => Promise.resolve(job({ jobId, owner: "bob" }));
  const refused = a.ids.length;
  const jobId = idOf(await thrice(test));
  assert.deepEqual(a.ids.slice(refused), [jobId]);
});
