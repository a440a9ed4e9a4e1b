import { v7 } from "uuid";
import { idPrefixAt, IdSequence, isJobId, newId } from "../lib/ids.ts";
import { assert } from "./assert.ts";
import { fakeClock } from "./log/log_fixture.ts";

Deno.test("newId() makes ids that sort in the order in which they were made", () => {
  const ids = Array.from({ length: 10_000 }, newId);
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every(isJobId));
});

Deno.test("isJobId() accepts one form only", () => {
  const id = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  assert.ok(isJobId(id));
  const others = [
    "",
    id.toUpperCase(),
    id.replaceAll("-", ""),
    ` ${id}`,
    `${id}\n`,
    id.replace("-7", "-4"),
    id.replace("-8", "-c"),
    `${id.slice(0, -1)}g`,
    `../${id}`,
  ];
  for (const other of others) assert.equal(isJobId(other), false, JSON.stringify(other));
});

Deno.test("IdSequence goes on behind an id of whatever time", () => {
  const last = "7fffffff-ffff-7fff-bfff-ffffffffffff";
  const sequence = new IdSequence(last);
  const ids = [last, sequence.next(), sequence.next(), sequence.next()];
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, 4);
  assert.ok(ids.every(isJobId));
});

Deno.test("IdSequence goes on behind the last id although the clock was set back", () => {
  using clock = fakeClock(Date.UTC(2026, 6, 31));
  const before = new IdSequence("");
  const ids = Array.from({ length: 100 }, () => before.next());
  // Another process, an hour earlier by the clock, and then in 1970.
  for (const time of [Date.UTC(2026, 6, 30, 23), 0]) {
    clock.now = time;
    const after = new IdSequence(ids.at(-1) ?? "");
    ids.push(...Array.from({ length: 100 }, () => after.next()));
  }
  // They stay in order once the clock is right again.
  clock.now = Date.UTC(2026, 6, 31, 1);
  const later = new IdSequence(ids.at(-1) ?? "");
  ids.push(later.next(), later.next());
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every(isJobId));
});

Deno.test("idPrefixAt() sorts before the ids of its millisecond and behind all earlier ones", () => {
  for (const time of [1, Date.UTC(2026, 10, 28), 2 ** 48 - 1]) {
    assert.ok(idPrefixAt(time) < v7({ msecs: time, seq: 0, random: new Uint8Array(16) }));
    assert.ok(idPrefixAt(time) > v7({ msecs: time - 1, seq: 2 ** 32 - 1 }));
  }
  assert.equal(idPrefixAt(-5), "00000000-0000");
  assert.equal(idPrefixAt(Infinity), "ffffffff-ffff");
});
