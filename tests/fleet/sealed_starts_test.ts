import { v7 } from "uuid";
import { QUEUE_KEY_BYTES, SealedStarts } from "../../lib/fleet/sealed_starts.ts";
import { assert } from "../assert.ts";
import { CALLER } from "../engine/fixture.ts";
import { WHOLE_REQUESTS } from "../service/samples.ts";

const PENDING = { start: WHOLE_REQUESTS.startJob, caller: CALLER };

function randomKey(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(QUEUE_KEY_BYTES));
}

Deno.test("SealedStarts opens what it has sealed for a job, to the last field", async () => {
  const key = randomKey();
  const jobId = v7();
  const sealed = await new SealedStarts(key).seal(jobId, PENDING);
  assert.ok(!new TextDecoder("latin1").decode(sealed).includes("exit"));
  assert.deepEqual(await new SealedStarts(key).open(jobId, sealed), PENDING);
  // The same again looks otherwise.
  assert.notDeepEqual(await new SealedStarts(key).seal(jobId, PENDING), sealed);
});

Deno.test("SealedStarts opens nothing that was sealed for another job, with another key, or was changed", async () => {
  const starts = new SealedStarts(randomKey());
  const jobId = v7();
  const sealed = await starts.seal(jobId, PENDING);
  const refused = { code: "failed_precondition", message: /sealed with another key/ };
  await assert.rejects(starts.open(v7(), sealed), refused);
  await assert.rejects(new SealedStarts(randomKey()).open(jobId, sealed), refused);
  await assert.rejects(
    starts.open(jobId, sealed.map((byte, at) => at === 40 ? byte ^ 1 : byte)),
    refused,
  );
  await assert.rejects(starts.open(jobId, new Uint8Array(3)), refused);
});
