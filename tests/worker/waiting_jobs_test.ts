import { WaitingJobs } from "../../lib/worker/waiting_jobs.ts";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

const OWNERS = ["alice", "bob", "carol", "dora"];
const owner = fc.constantFrom(...OWNERS);

function idAt(index: number): string {
  return String(index).padStart(6, "0");
}

function waitingFor(owners: readonly string[]): WaitingJobs {
  const waiting = new WaitingJobs();
  for (const [index, owner] of owners.entries()) {
    waiting.add({ jobId: idAt(index), owner, recordBytes: 1 });
  }
  return waiting;
}

/** Takes all that may run. */
function drain(waiting: WaitingJobs, mayRun = (_owner: string) => true) {
  const taken = [];
  for (let next; (next = waiting.next(mayRun)) !== undefined;) taken.push(next);
  return taken;
}

Deno.test("WaitingJobs.next() takes owners in turn, and of each the oldest job", () => {
  const waiting = waitingFor(["alice", "alice", "alice", "bob", "carol", "bob"]);
  const taken = drain(waiting).map(({ jobId, owner }) => `${owner} ${Number(jobId)}`);
  assert.deepEqual(taken, ["alice 0", "bob 3", "carol 4", "alice 1", "bob 5", "alice 2"]);
  assert.equal(waiting.size, 0);
});

Deno.test("WaitingJobs.next() passes over owners who may not run, and they keep their place", () => {
  const waiting = waitingFor(["alice", "alice", "bob", "bob"]);
  const others = (owner: string) => owner !== "alice";
  assert.equal(waiting.next(others)?.owner, "bob");
  assert.equal(waiting.next(() => true)?.owner, "alice");
  assert.equal(waiting.next(others)?.owner, "bob");
  assert.equal(waiting.next(others), undefined);
  assert.deepEqual([waiting.size, waiting.sizeOf("alice"), waiting.sizeOf("bob")], [1, 1, 0]);
});

Deno.test("WaitingJobs puts a job that comes back where it was among those of its owner", () => {
  const waiting = waitingFor(["alice", "alice", "alice"]);
  assert.equal(waiting.delete(idAt(1)), true);
  assert.equal(waiting.delete(idAt(1)), false);
  waiting.add({ jobId: idAt(1), owner: "alice", recordBytes: 1 });
  assert.deepEqual(drain(waiting).map(({ jobId }) => Number(jobId)), [0, 1, 2]);
});

Deno.test("WaitingJobs.placeOf() says in which order jobs are taken, whatever has come and gone", () => {
  fc.assert(
    fc.property(
      fc.array(owner, { minLength: 1, maxLength: 40 }),
      fc.array(fc.nat(39)),
      fc.nat(20),
      (owners, gone, turns) => {
        const waiting = waitingFor(owners);
        for (const index of gone) waiting.delete(idAt(index));
        for (let turn = 0; turn < turns; turn++) waiting.next(() => true);
        const ids = owners.map((_, index) => idAt(index)).filter((jobId) => waiting.has(jobId));
        const places = new Map(ids.map((jobId) => [jobId, waiting.placeOf(jobId)]));
        const taken = drain(waiting);
        for (const [index, { jobId }] of taken.entries()) {
          assert.deepEqual(places.get(jobId), { position: index + 1, length: taken.length });
          assert.equal(waiting.placeOf(jobId), null);
        }
      },
    ),
  );
});

Deno.test("WaitingJobs lets no owner wait while another one has two turns", () => {
  fc.assert(fc.property(fc.array(owner, { maxLength: 60 }), (owners) => {
    const waiting = waitingFor(owners);
    let turnsSince = new Map<string, number>();
    for (let next; (next = waiting.next(() => true)) !== undefined;) {
      const turns = (turnsSince.get(next.owner) ?? 0) + 1;
      turnsSince = new Map([...turnsSince, [next.owner, turns]]);
      const waitingOwners = OWNERS.filter((owner) => waiting.sizeOf(owner) > 0);
      for (const owner of waitingOwners) {
        assert.ok(turns - (turnsSince.get(owner) ?? 0) <= 1, `${next.owner} before ${owner}`);
      }
    }
  }));
});
