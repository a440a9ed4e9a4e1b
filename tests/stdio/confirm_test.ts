import { confirm } from "../../lib/stdio/confirm.ts";
import { assert } from "../assert.ts";

/** A terminal at which these pieces are typed, one after the other. */
function terminal(...pieces: readonly string[]) {
  const left = [...pieces];
  let printed = "";
  const { signal } = new AbortController();
  const read = (buffer: Uint8Array) => {
    const piece = left.shift();
    if (piece === undefined) return Promise.resolve(null);
    return Promise.resolve(new TextEncoder().encodeInto(piece, buffer).written);
  };
  const print = (text: string) => {
    printed += text;
  };
  return { options: { source: { read }, print, signal }, left, printed: () => printed };
}

Deno.test("confirm() takes only a yes for a yes", async () => {
  for (const answer of ["y\n", "Y\n", "yes\n", " YES \r\n", "y"]) {
    assert.equal(await confirm("Go on?", terminal(answer).options), true, answer);
  }
  for (const answer of ["\n", "n\n", "yess\n", "no\n", "", "n\ny\n"]) {
    assert.equal(await confirm("Go on?", terminal(answer).options), false, answer);
  }
});

Deno.test("confirm() asks, and reads one line, however it comes", async () => {
  const { options, left, printed } = terminal("y", "es", "\n", "next\n");
  assert.equal(await confirm("Go on?", options), true);
  assert.equal(printed(), "Go on? [y/N] ");
  assert.deepEqual(left, ["next\n"]);
  // No answer is that long.
  assert.equal(await confirm("Go on?", terminal(..."x".repeat(5000)).options), false);
});

Deno.test("confirm() ends with its signal", async () => {
  const leaving = new AbortController();
  const source = { read: () => new Promise<never>(() => {}) };
  const answer = confirm("Go on?", { source, print: () => {}, signal: leaving.signal });
  const reason = new Error("Left");
  leaving.abort(reason);
  await assert.rejects(answer, reason);
});
