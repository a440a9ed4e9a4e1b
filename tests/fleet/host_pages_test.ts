/** Pages that are asked for before the one before them has come, through a bus that does with them what it likes. */

import { delay } from "../../lib/async/delay.ts";
import { KeptCalls } from "../../lib/fleet/kept_calls.ts";
import { OpenCall } from "../../lib/fleet/open_call.ts";
import { encodeFrame } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";
import { context } from "../engine/fixture.ts";
import { fc, seeded } from "../random.ts";
import { type Carry, envelopeOf, forge, TestFleet, timedOut } from "./fixture.ts";
import { FOLLOW, readWhole, TestLog } from "./test_log.ts";

const PAGE = 256 * 1024;

/** A bus, and the end of all that it carries: whoever has asked ahead may leave before that is answered. */
function noting(carry: Carry): { carry: Carry; ended: () => Promise<unknown> } {
  const carried: Promise<unknown>[] = [];
  return {
    carry: (call, deliver) => {
      const answer = carry(call, deliver);
      carried.push(answer);
      return answer;
    },
    ended: () => Promise.allSettled(carried),
  };
}

Deno.test("Large pages of a log are on their way two at a time, and never more", async () => {
  const log = new TestLog(Array(40).fill(PAGE));
  await using fleet = new TestFleet({ streamLogs: (...call) => log.read(...call) });
  await fleet.client.reach(context());
  let open = 0;
  let most = 0;
  const bus = noting(async ({ method, bytes }, deliver) => {
    most = Math.max(most, ++open);
    const answer = await deliver(method, bytes);
    // The next one has its chance.
    await delay(2);
    open--;
    return answer;
  });
  fleet.carry = bus.carry;
  const read = readWhole(fleet.client.streamLogs(FOLLOW, context()));
  assert.deepEqual(await read, log.bytes);
  assert.equal(most, 2);
  assert.equal(log.opened, 1);
  await bus.ended();
});

Deno.test("A log of large pages arrives whole and once, whatever is lost, late, early or starts again", async () => {
  const random = seeded("fleet pages");
  const sizes = fc.array(fc.integer({ min: 1, max: 2 * PAGE }), { minLength: 4, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.double({ min: 0, max: 0.3, noNaN: true }), async (sizes, loss) => {
      const log = new TestLog(sizes, () => delay(random() < 0.2 ? 4 : 0));
      await using fleet = new TestFleet(
        { streamLogs: (...call) => log.read(...call) },
        { door: { pageWaitMs: 20 } },
      );
      const late: Promise<unknown>[] = [];
      const over = new AbortController();
      const bus = noting(async ({ method, bytes }, deliver) => {
        if (random() < loss / 6) await fleet.restart();
        const pause = () => delay(random() < 0.3 ? 6 * random() : 0);
        if (random() < loss) {
          // The hub does not wait any more when it comes there.
          late.push(delay(30 * random()).then(() => deliver(method, bytes, over.signal)));
          throw timedOut();
        }
        await pause();
        const answer = await deliver(method, bytes);
        await pause();
        if (random() < loss) throw timedOut();
        return answer;
      });
      fleet.carry = bus.carry;
      assert.deepEqual(await readWhole(fleet.client.streamLogs(FOLLOW, context())), log.bytes);
      await bus.ended();
      over.abort();
      await Promise.all(late);
      assert.deepEqual(fleet.faults, []);
    }),
    { numRuns: 15 },
  );
});

/** Asks for a page of a log as a hub does. */
async function askFor(
  fleet: TestFleet,
  { callId, page, isAhead }: { callId: string; page: number; isAhead: boolean },
  signal = new AbortController().signal,
): Promise<void> {
  const { epoch } = envelopeOf(await fleet.door.answer("getJob", await forge(), signal));
  const body = encodeFrame({ caller: context().caller, request: FOLLOW, page, isAhead });
  const call = await forge({ envelope: { method: "streamLogs", callId, epoch }, body });
  envelopeOf(await fleet.door.answer("streamLogs", call, signal));
}

Deno.test("A page that is asked for ahead is that after the one before it, and opens no call", async () => {
  const log = new TestLog(Array(8).fill(PAGE));
  await using fleet = new TestFleet(
    { streamLogs: (...call) => log.read(...call) },
    { door: { pageWaitMs: 1 } },
  );
  const callId = crypto.randomUUID();
  // Nothing comes of it, since there is no page before it.
  const leaving = new AbortController();
  const alone = askFor(fleet, { callId, page: 1, isAhead: true }, leaving.signal);
  await delay(20);
  leaving.abort();
  await alone;
  assert.deepEqual([log.opened, log.asked], [0, 0]);
  // It may come there first, and by more than a page is waited for.
  const ahead = askFor(fleet, { callId, page: 4, isAhead: true });
  await delay(20);
  await askFor(fleet, { callId, page: 3, isAhead: false });
  await ahead;
  // As much is on a page as is asked for at once.
  assert.deepEqual([log.opened, log.asked], [1, 2]);
});

Deno.test("Who has asked ahead and leaves takes no page along", async () => {
  using kept = new KeptCalls({ idleMs: 60_000, end: () => {} });
  const call = new OpenCall((async function* () {})(), { pages: 1, leave: () => {} });
  const leaving = new AbortController();
  const within = { waitMs: 60_000, signal: leaving.signal };
  const reached = kept.reach("call", 1, "alice", within);
  leaving.abort();
  kept.keep("call", call, "alice");
  assert.equal(await reached, null);
  assert.equal(kept.take("call", 1, "alice"), call);
  // And once more, without anybody leaving.
  const signal = new AbortController().signal;
  const handed = kept.reach("call", 1, "alice", { ...within, signal });
  kept.keep("call", call, "alice");
  assert.equal(await handed, call);
  assert.equal(kept.take("call", 1, "alice"), null);
  // Nor does anybody wait for ever.
  assert.equal(await kept.reach("call", 2, "alice", { waitMs: 1, signal }), null);
});
