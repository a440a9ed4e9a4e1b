import { assertEquals } from "@std/assert";
import { pullStream } from "../../lib/async/pull_stream.ts";

Deno.test("pullStream() asks for no more than is read, and tells of the end", async () => {
  let asked = 0;
  async function* count(): AsyncGenerator<number, void, undefined> {
    for (; asked < 2;) yield await Promise.resolve(++asked);
  }
  const ends: string[] = [];
  const reader = pullStream(count(), { onEnd: () => ends.push("end") }).getReader();
  assertEquals(asked, 0);
  assertEquals(await reader.read(), { done: false, value: 1 });
  assertEquals(asked, 1);
  assertEquals(await reader.read(), { done: false, value: 2 });
  assertEquals(ends, []);
  assertEquals((await reader.read()).done, true);
  assertEquals(ends, ["end"]);
});

Deno.test("pullStream() tells at once of a reader who leaves in the middle of a wait", async () => {
  const never = Promise.withResolvers<IteratorResult<number, void>>();
  let left = 0;
  const reader = pullStream({ next: () => never.promise }, {
    onCancel: () => Promise.resolve(void left++),
  }).getReader();
  const read = reader.read();
  await reader.cancel();
  assertEquals(left, 1);
  assertEquals((await read).done, true);
});
