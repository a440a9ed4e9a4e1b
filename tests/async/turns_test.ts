import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Turns } from "../../lib/async/turns.ts";
import { rejection } from "../worker/fixture.ts";

/** What is done in a turn: a millisecond's work. */
function work(): void {
  for (const begun = performance.now(); performance.now() < begun + 1;);
}

Deno.test("Turns has one of each name in a round, whoever has come first", async () => {
  const turns = new Turns();
  const served: string[] = [];
  const take = async (name: string) => {
    await turns.next(name);
    served.push(name);
  };
  const [first, ...rest] = ["a", "a", "a", "a", "b", "c", "c"].map(take);
  await first;
  // Nobody else was there when the first one came. Who comes late is not behind all those of one name.
  await Promise.all([...rest, take("d")]);
  assertEquals(served.join(""), "aabcdaca");
});

Deno.test("Turns gives one turn at a time, and serves again after a rest", async () => {
  const turns = new Turns();
  let busy = 0;
  const take = async () => {
    await turns.next("a");
    assertEquals(++busy, 1);
    // What follows at once belongs to the turn.
    await Promise.resolve().then(() => {});
    busy--;
  };
  for (let round = 0; round < 3; round++) await Promise.all([take(), take(), take()]);
});

Deno.test("Turns lets sockets be served after a few pieces, however many wait", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using near = await Deno.connect({ port: listener.addr.port });
  using far = await listener.accept();
  const turns = new Turns();
  let pieces = 0;
  let isDone = false;
  const workers = Array.from({ length: 4 }, async () => {
    while (!isDone) {
      await turns.next("a");
      work();
      pieces++;
    }
  });
  let waited = 0;
  for (let round = 0; round < 20; round++) {
    // It waits already when something comes, so it has to be told of it.
    const read = near.read(new Uint8Array(1));
    await turns.next("b");
    const before = pieces;
    await far.write(new Uint8Array(1));
    await read;
    waited += pieces - before;
  }
  isDone = true;
  await Promise.all(workers);
  // With nothing but immediates between the pieces, it is 61 for each look at the sockets.
  assert(waited < 300, `${waited} pieces for 20 messages`);
});

Deno.test("Turns skips those who have left", async () => {
  const turns = new Turns();
  const leaving = new AbortController();
  const left = rejection(turns.next("a", leaving.signal));
  const stays = turns.next("a");
  leaving.abort(new Error("left"));
  assertStrictEquals(await left, leaving.signal.reason);
  await stays;
});
