import { type JobSlot, JobSlots, type SlotLimits } from "../../lib/worker/job_slots.ts";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

type Limits = Pick<SlotLimits, "maxRunning" | "maxRunningPerUser"> & Partial<SlotLimits>;

/** Slots, and the jobs that have got one after they waited, in this order. */
function slotsOf(limits: Limits) {
  const turns: { readonly jobId: string; readonly slot: JobSlot }[] = [];
  const slots = new JobSlots(
    { maxQueued: Infinity, maxQueuedPerUser: Infinity, ...limits },
    (jobId, slot) => turns.push({ jobId, slot }),
  );
  return { slots, turns, had: () => turns.map(({ jobId }) => jobId) };
}

Deno.test("JobSlots has so many slots in all and for each owner, and says which are taken", () => {
  const { slots } = slotsOf({ maxRunning: 3, maxRunningPerUser: 2 });
  const first = slots.acquire("alice");
  slots.acquire("alice");
  assert.throws(() => slots.acquire("alice"), {
    code: "resource_exhausted",
    message:
      'Cannot start the job: user "alice" already has as many jobs running as one user may, 2 ' +
      "(the daemon's --max-running-per-user); stop one of them, or have the job wait until one has ended (--queue)",
  });
  slots.acquire("bob");
  assert.throws(() => slots.acquire("bob"), {
    code: "resource_exhausted",
    message:
      "Cannot start the job: as many jobs are running as may, 3 (the daemon's --max-running); " +
      "have the job wait until one has ended (--queue)",
  });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  slots.acquire("bob");
  assert.throws(() => slots.acquire("carol"), { code: "resource_exhausted" });
});

Deno.test("JobSlots counts jobs that run already, even beyond its limits", () => {
  const { slots } = slotsOf({ maxRunning: 1, maxRunningPerUser: 1 });
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
    const { slots } = slotsOf({ maxRunning: 1, maxRunningPerUser: 1 });
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

Deno.test("JobSlots.acquireOrWait() gives a free slot, else the next one that is free", () => {
  const { slots, had } = slotsOf({ maxRunning: 2, maxRunningPerUser: 1 });
  const alice = slots.acquireOrWait({ jobId: "1", owner: "alice", recordBytes: 100 });
  assert.equal(slots.acquireOrWait({ jobId: "2", owner: "alice", recordBytes: 100 }), null);
  assert.deepEqual(slots.placeOf({ jobId: "2", owner: "alice" }), {
    position: 1,
    length: 1,
    reason: `1 of 1 jobs of user "alice" are running (the daemon's --max-running-per-user)`,
  });
  // An owner at their own limit does not hold up others.
  const bob = slots.acquireOrWait({ jobId: "3", owner: "bob", recordBytes: 100 });
  assert.ok(bob !== null);
  assert.equal(slots.acquireOrWait({ jobId: "4", owner: "carol", recordBytes: 100 }), null);
  assert.deepEqual(slots.placeOf({ jobId: "4", owner: "carol" }), {
    position: 2,
    length: 2,
    reason: "2 of 2 jobs of all users are running (the daemon's --max-running)",
  });
  bob[Symbol.dispose]();
  assert.deepEqual(had(), ["4"]);
  // The slot is taken at that moment: who starts without waiting overtakes nobody.
  assert.throws(() => slots.acquire("dora"), { code: "resource_exhausted" });
  alice?.[Symbol.dispose]();
  assert.deepEqual(had(), ["4", "2"]);
  assert.equal(slots.placeOf({ jobId: "2", owner: "alice" }), null);
});

Deno.test("JobSlots bounds how many wait, in all and for each owner, and says so", () => {
  const { slots } = slotsOf({
    ...{ maxRunning: 1, maxRunningPerUser: 1 },
    ...{ maxQueued: 3, maxQueuedPerUser: 2 },
  });
  slots.acquire("alice");
  slots.acquireOrWait({ jobId: "1", owner: "alice", recordBytes: 100 });
  slots.acquireOrWait({ jobId: "2", owner: "alice", recordBytes: 100 });
  assert.throws(() => slots.acquireOrWait({ jobId: "3", owner: "alice", recordBytes: 100 }), {
    code: "resource_exhausted",
    message:
      'Cannot start the job: user "alice" already has as many jobs in the queue as one user may, 2 ' +
      "(the daemon's --max-queued-per-user); stop one of them, or try again when one has started",
  });
  slots.acquireOrWait({ jobId: "3", owner: "bob", recordBytes: 100 });
  assert.throws(() => slots.acquireOrWait({ jobId: "4", owner: "bob", recordBytes: 100 }), {
    code: "resource_exhausted",
    message:
      "Cannot start the job: as many jobs are in the queue as may, 3 (the daemon's --max-queued); try again when one has started",
  });
  slots.leave("1");
  slots.acquireOrWait({ jobId: "4", owner: "bob", recordBytes: 100 });
  const { slots: withoutQueue } = slotsOf({ maxRunning: 1, maxRunningPerUser: 1, maxQueued: 0 });
  withoutQueue.acquire("alice");
  assert.throws(() => withoutQueue.acquireOrWait({ jobId: "1", owner: "bob", recordBytes: 100 }), {
    code: "resource_exhausted",
    message:
      "Cannot start the job: as many jobs are running as may, 1 (the daemon's --max-running); " +
      "there is no queue to wait in, so try again when one has ended",
  });
});

Deno.test("JobSlots bounds what the records of those who wait take, half of it for one owner", () => {
  const maxQueuedBytes = 2 * 1024 ** 2;
  const { slots } = slotsOf({ maxRunning: 1, maxRunningPerUser: 1, maxQueuedBytes });
  const slot = slots.acquire("alice");
  const wait = (jobId: string, owner: string, recordBytes: number) =>
    slots.acquireOrWait({ jobId, owner, recordBytes });
  wait("1", "alice", maxQueuedBytes / 2);
  assert.throws(() => wait("2", "alice", 1), {
    code: "resource_exhausted",
    message:
      'Cannot start the job: user "alice" may have jobs in the queue whose records take 1MiB, and with this ' +
      "one they would take more; try again when one has started",
  });
  wait("3", "bob", maxQueuedBytes / 2 - 100);
  assert.throws(() => wait("4", "carol", 101), {
    code: "resource_exhausted",
    message:
      "Cannot start the job: the records of jobs in the queue may take 2MiB, and with this one they would " +
      "take more; try again when one has started",
  });
  wait("5", "carol", 100);
  // Whoever leaves, or runs, gives back what they took.
  slots.leave("3");
  wait("6", "carol", maxQueuedBytes / 2 - 100);
  slot[Symbol.dispose]();
  wait("7", "alice", maxQueuedBytes / 2);
});

Deno.test("JobSlots gives turns to all that rejoin, as if they had come one after the other", () => {
  const { slots, had } = slotsOf({ maxRunning: 3, maxRunningPerUser: 2 });
  const owners = ["alice", "alice", "alice", "bob"];
  slots.rejoin(owners.map((owner, index) => ({ jobId: String(index), owner, recordBytes: 100 })));
  assert.deepEqual(had(), ["0", "3", "1"]);
  assert.equal(slots.isWaiting("2"), true);
});

Deno.test("JobSlots gives nobody a turn once it is closed, and forgets nobody", () => {
  const { slots, had } = slotsOf({ maxRunning: 1, maxRunningPerUser: 1 });
  const slot = slots.acquire("alice");
  slots.acquireOrWait({ jobId: "1", owner: "bob", recordBytes: 100 });
  slots.close();
  slot[Symbol.dispose]();
  assert.deepEqual([had(), slots.isWaiting("1")], [[], true]);
});

/** What happens to slots: a job comes, and waits or not; the nth one that runs, or waits, ends. */
const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ start: fc.constantFrom("a", "b", "c"), queue: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ end: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ leave: fc.nat(20) }) },
);

Deno.test("JobSlots keeps to its limits and to the order of each owner, and leaves no slot to nobody", () => {
  const limit = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(limit, limit, fc.array(event, { maxLength: 80 }), (max, maxPerUser, events) => {
      const running = new Map<string, JobSlot>();
      const waiting: string[] = [];
      const { slots, turns } = slotsOf({ maxRunning: max, maxRunningPerUser: maxPerUser });
      const settle = () => {
        for (const { jobId, slot } of turns.splice(0)) {
          const mine = waiting.filter((other) => other[0] === jobId[0]);
          assert.equal(mine[0], jobId, "The oldest of its owner is first");
          waiting.splice(waiting.indexOf(jobId), 1);
          running.set(jobId, slot);
        }
      };
      const runningOf = (owner = "") => [...running.keys()].filter((id) => id[0] === owner).length;
      for (const [index, event] of events.entries()) {
        if ("start" in event) {
          const jobId = `${event.start}${String(index).padStart(3, "0")}`;
          const isFree = running.size < max && runningOf(event.start) < maxPerUser;
          if (event.queue) {
            const slot = slots.acquireOrWait({ jobId, owner: event.start, recordBytes: 100 });
            if (slot === null) waiting.push(jobId);
            else running.set(jobId, slot);
          } else if (isFree) running.set(jobId, slots.acquire(event.start));
          else assert.throws(() => slots.acquire(event.start), { code: "resource_exhausted" });
        } else if ("end" in event) {
          const [jobId, slot] = [...running][event.end % Math.max(1, running.size)] ?? [];
          running.delete(jobId ?? "");
          slot?.[Symbol.dispose]();
        } else {
          const [jobId] = waiting.splice(event.leave % Math.max(1, waiting.length), 1);
          assert.equal(slots.leave(jobId ?? ""), jobId !== undefined);
        }
        settle();
        assert.ok(running.size <= max);
        for (const owner of ["a", "b", "c"]) {
          assert.ok(runningOf(owner) <= maxPerUser);
          const couldRun = running.size < max && runningOf(owner) < maxPerUser;
          assert.ok(
            !couldRun || !waiting.some((id) => id[0] === owner),
            `${owner} waits for nothing`,
          );
        }
      }
    }),
  );
});
