import { Rounds } from "../../lib/async/batcher.ts";
import { assert } from "../assert.ts";
import { rejection } from "../worker/fixture.ts";

/** Rounds that end when they are told to; each results in its own questions. */
function heldRounds() {
  const held: { questions: readonly string[]; end: (error?: Error) => void }[] = [];
  const rounds = new Rounds((questions: readonly string[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    held.push({
      questions,
      end: (error) => error === undefined ? resolve(questions) : reject(error),
    });
    return promise;
  });
  return { rounds, held };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("Rounds.join() serves who asks alone at once, and those who ask meanwhile together", async () => {
  const { rounds, held } = heldRounds();
  const first = rounds.join("a");
  await turn();
  const others = [rounds.join("b"), rounds.join("c")];
  await turn();
  assert.deepEqual(held.map(({ questions }) => questions), [["a"]]);
  held[0]?.end();
  assert.deepEqual(await first, ["a"]);
  await turn();
  held[1]?.end();
  assert.deepEqual(await Promise.all(others), [["b", "c"], ["b", "c"]]);
  const last = rounds.join("d");
  await turn();
  held[2]?.end();
  assert.deepEqual(await last, ["d"]);
});

Deno.test("Rounds.join() tells of a failure those whose round it was", async () => {
  const { rounds, held } = heldRounds();
  const failing = rejection(rounds.join("a"));
  await turn();
  const next = rounds.join("b");
  held[0]?.end(new Error("no"));
  assert.equal(String(await failing), "Error: no");
  await turn();
  held[1]?.end();
  assert.deepEqual(await next, ["b"]);
});
