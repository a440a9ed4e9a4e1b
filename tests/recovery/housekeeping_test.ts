import { Housekeeping } from "../../lib/daemon/housekeeping.ts";
import { assert } from "../assert.ts";

const RETENTION = { maxCount: 3 };

/** Timers that the test lets run out. */
class FakeTimers implements Disposable {
  readonly #original = { setTimeout, clearTimeout, now: performance.now };
  readonly #timers = new Map<number, { at: number; run: () => void }>();
  #now = 0;
  #lastId = 0;

  constructor() {
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms: number) => {
        this.#timers.set(++this.#lastId, { at: this.#now + ms, run });
        return this.#lastId;
      },
      clearTimeout: (id: number) => this.#timers.delete(id),
    });
    performance.now = () => this.#now;
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until);
      const [next] = due.sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      const [id, { at, run }] = next;
      this.#timers.delete(id);
      this.#now = at;
      run();
    }
    this.#now = until;
  }

  get pending(): number {
    return this.#timers.size;
  }

  [Symbol.dispose](): void {
    const { now, ...timers } = this.#original;
    Object.assign(globalThis, timers);
    performance.now = now;
  }
}

Deno.test("Housekeeping prunes soon after jobs have ended, once for many, and every hour", async () => {
  using timers = new FakeTimers();
  const calls: unknown[] = [];
  const worker = {
    prune: (options: unknown) => {
      calls.push(options);
      return Promise.resolve([]);
    },
  };
  const housekeeping = new Housekeeping(worker, RETENTION);
  const passed = async (ms: number) => {
    timers.pass(ms);
    // What a timer has begun is done in a few turns.
    for (let turn = 0; turn < 10; turn++) await null;
    return calls.splice(0).length;
  };
  assert.equal(await passed(9_999), 0);
  assert.equal(await passed(1), 1, "At the start: what is kept may have been changed");

  for (let job = 0; job < 100; job++) housekeeping.jobEnded();
  assert.equal(await passed(5_000), 0);
  housekeeping.jobEnded();
  assert.equal(await passed(5_000), 1, "Those that end later do not put it off");

  assert.equal(await passed(3_599_999), 0);
  assert.equal(await passed(1), 1, "Jobs grow old although none ends");

  await housekeeping[Symbol.asyncDispose]();
  housekeeping.jobEnded();
  assert.equal(timers.pending, 0);
});

Deno.test("Housekeeping is not closed before what it removes is removed", async () => {
  using timers = new FakeTimers();
  const removing = Promise.withResolvers<[]>();
  const pruned = { started: 0, ended: 0 };
  const worker = {
    prune: async () => {
      pruned.started++;
      await removing.promise;
      pruned.ended++;
      return [];
    },
  };
  const housekeeping = new Housekeeping(worker, RETENTION);
  timers.pass(10_000);
  await null;
  housekeeping.jobEnded();
  timers.pass(10_000);
  await null;
  assert.deepEqual(pruned, { started: 1, ended: 0 }, "One after the other");
  const closed = housekeeping[Symbol.asyncDispose]();
  removing.resolve([]);
  await closed;
  assert.deepEqual(pruned, { started: 2, ended: 2 });
});

Deno.test("Housekeeping goes on after a prune that failed", async () => {
  using timers = new FakeTimers();
  let calls = 0;
  const worker = {
    prune: () => {
      calls++;
      return Promise.reject(new Error("The disk is on fire"));
    },
  };
  await using housekeeping = new Housekeeping(worker, RETENTION);
  for (let expected = 1; expected < 4; expected++) {
    housekeeping.jobEnded();
    timers.pass(10_000);
    for (let turn = 0; turn < 10; turn++) await null;
    assert.equal(calls, expected);
  }
});
