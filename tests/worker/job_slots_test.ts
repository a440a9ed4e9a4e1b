import { JobSlots } from "../../lib/worker/job_slots.ts";
import { assert } from "../assert.ts";

Deno.test("JobSlots has so many slots in all and for each owner, and says which are taken", () => {
  const slots = new JobSlots({ maxRunning: 3, maxRunningPerUser: 2 });
  const first = slots.acquire("alice");
  slots.acquire("alice");
  assert.throws(() => slots.acquire("alice"), {
    code: "resource_exhausted",
    message:
      'Cannot start the job: user "alice" already has as many jobs running as one user may, 2 ' +
      "(--max-running-per-user); stop one of them, or try again when one has ended",
  });
  slots.acquire("bob");
  assert.throws(() => slots.acquire("bob"), {
    code: "resource_exhausted",
    message: "Cannot start the job: as many jobs are running as may, 3 (--max-running); " +
      "try again when one has ended",
  });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  slots.acquire("bob");
  assert.throws(() => slots.acquire("carol"), { code: "resource_exhausted" });
});

Deno.test("JobSlots counts jobs that run already, even beyond its limits", () => {
  const slots = new JobSlots({ maxRunning: 1, maxRunningPerUser: 1 });
  const adopted = [slots.adopt("alice"), slots.adopt("alice")];
  for (const slot of adopted) {
    assert.throws(() => slots.acquire("alice"), { code: "resource_exhausted" });
    assert.throws(() => slots.acquire("bob"), { code: "resource_exhausted" });
    slot[Symbol.dispose]();
  }
  slots.acquire("bob");
});

Deno.test("JobSlot.holdUntil() keeps a slot until then, however that ends", async () => {
  for (const how of ["resolve", "reject"] as const) {
    const slots = new JobSlots({ maxRunning: 1, maxRunningPerUser: 1 });
    const ended = Promise.withResolvers<void>();
    {
      using slot = slots.acquire("alice");
      slot.holdUntil(ended.promise);
    }
    assert.throws(() => slots.acquire("bob"), { code: "resource_exhausted" });
    ended[how]();
    await ended.promise.catch(() => {});
    slots.acquire("bob");
  }
});
