import { assertEquals } from "@std/assert";
import { Batcher } from "../../lib/async/batcher.ts";
import { rejection } from "../worker/fixture.ts";

/** Batches that end when they are told to; each resolves to its own questions. */
function heldRounds() {
  const held: { questions: readonly string[]; end: (error?: Error) => void }[] = [];
  const batcher = new Batcher((questions: readonly string[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    held.push({
      questions,
      end: (error) => error === undefined ? resolve(questions) : reject(error),
    });
    return promise;
  });
  return { batcher, held };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("Batcher.join() serves a lone caller at once, and those who come meanwhile together", async () => {
  const { batcher, held } = heldRounds();
  const first = batcher.add("a");
  await turn();
  const others = [batcher.add("b"), batcher.add("c")];
  await turn();
  assertEquals(held.map(({ questions }) => questions), [["a"]]);
  held[0]?.end();
  assertEquals(await first, ["a"]);
  await turn();
  held[1]?.end();
  assertEquals(await Promise.all(others), [["b", "c"], ["b", "c"]]);
  const last = batcher.add("d");
  await turn();
  held[2]?.end();
  assertEquals(await last, ["d"]);
});

Deno.test("Batcher.join() rejects the callers whose batch failed, and no others", async () => {
  const { batcher, held } = heldRounds();
  const failing = rejection(batcher.add("a"));
  await turn();
  const next = batcher.add("b");
  held[0]?.end(new Error("no"));
  assertEquals(String(await failing), "Error: no");
  await turn();
  held[1]?.end();
  assertEquals(await next, ["b"]);
});
