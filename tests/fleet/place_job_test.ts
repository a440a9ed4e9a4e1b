/** Starts whose ids the hub gives. */

import { assert } from "../assert.ts";
import { CALLER, context } from "../engine/fixture.ts";
import { WHOLE_JOB, WHOLE_REQUESTS, WHOLE_RUNNING_JOB } from "../service/samples.ts";
import { HUB, TestFleet } from "./fixture.ts";

Deno.test("placeJob() reaches a host with the id that the hub gives, also in another epoch", async () => {
  const placed: unknown[] = [];
  await using fleet = new TestFleet({}, {
    placeJob: (request, { caller }) => {
      placed.push({ request, caller });
      return Promise.resolve(WHOLE_RUNNING_JOB);
    },
  });
  const request = { jobId: WHOLE_JOB.jobId, start: WHOLE_REQUESTS.startJob };
  assert.deepEqual(await fleet.client.placeJob(request, context()), WHOLE_RUNNING_JOB);
  await fleet.restart();
  assert.deepEqual(await fleet.client.placeJob(request, context()), WHOLE_RUNNING_JOB);
  const expected = { request, caller: { ...CALLER, via: HUB.name } };
  assert.deepEqual(placed, [expected, expected]);
});
