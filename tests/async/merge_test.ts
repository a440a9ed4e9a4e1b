import { merge } from "../../lib/async/merge.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";

const ONE = { maxSize: 100, sizeOf: () => 1, leave: () => {} };

async function* from<T>(...values: T[]): AsyncGenerator<T, void, undefined> {
  for (const value of values) {
    await Promise.resolve();
    yield value;
  }
}

Deno.test("merge() has every value of every source, each source in its order", async () => {
  const sources = Array.from(
    { length: 50 },
    (_, source) => from(...Array.from({ length: source }, (_, value) => ({ source, value }))),
  );
  const all = (await Array.fromAsync(merge(sources, ONE))).flat();
  assert.equal(all.length, 49 * 50 / 2);
  for (let index = 0; index < 50; index++) {
    const values = all.filter(({ source }) => source === index).map(({ value }) => value);
    assert.deepEqual(values, [...values.keys()]);
    assert.equal(values.length, index);
  }
  assert.deepEqual(await Array.fromAsync(merge([], ONE)), []);
});

Deno.test("merge() asks no source for more before its last value was taken", async () => {
  const asked = [0, 0, 0];
  async function* endless(index: number): AsyncGenerator<number, void, undefined> {
    for (;;) yield asked[index] = (asked[index] ?? 0) + 1;
  }
  const merged = merge([0, 1, 2].map(endless), ONE);
  const turns = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
  };
  for (let times = 1; times <= 3; times++) {
    assert.deepEqual((await merged.next()).value, [times, times, times]);
    await turns();
    assert.deepEqual(asked, [times, times, times]);
  }
  await merged.return();
});

Deno.test("merge() makes pieces of no more than so much, and of one value at least", async () => {
  const sources = Array.from({ length: 10 }, () => from(40));
  const sizes = (await Array.fromAsync(merge(sources, { ...ONE, sizeOf: (size) => size })))
    .map(({ length }) => length);
  assert.equal(sizes.reduce((sum, size) => sum + size), 10);
  assert.ok(sizes.every((size) => size <= 3), `${sizes}`);
  const large = await Array.fromAsync(merge([from(500)], { ...ONE, sizeOf: (size) => size }));
  assert.deepEqual(large, [[500]]);
});

Deno.test("merge() ends its sources when its reader leaves, and when one of them throws", async () => {
  for (const kind of ["leaves", "throws"] as const) {
    const left = new AbortController();
    let ended = 0;
    const wait = async function* (): AsyncGenerator<number, void, undefined> {
      try {
        yield 1;
        await new Promise((resolve) => left.signal.addEventListener("abort", resolve));
      } finally {
        ended++;
      }
    };
    const failing = async function* (): AsyncGenerator<number, void, undefined> {
      yield 2;
      throw new Error("broken");
    };
    const sources = kind === "leaves" ? [wait(), wait()] : [wait(), wait(), failing()];
    const merged = merge(sources, { ...ONE, leave: () => left.abort() });
    await merged.next();
    if (kind === "leaves") await soon(merged.return(), () => "the end of the sources");
    else await assert.rejects(Array.fromAsync(merged), /broken/);
    assert.equal(ended, 2);
  }
});
