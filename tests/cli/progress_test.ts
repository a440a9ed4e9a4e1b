import { withProgress } from "../../lib/cli/progress.ts";
import { assert } from "../assert.ts";
import { FakeOutput } from "./fake_daemon.ts";

Deno.test("withProgress() shows words while it waits, and wipes them", async () => {
  const output = new FakeOutput(true);
  const work = Promise.withResolvers<string>();
  const result = withProgress(output, () => "Stopping…", work.promise, { intervalMs: 1 });
  await output.includes("\r\x1b[KStopping…");
  work.resolve("done");
  assert.equal(await result, "done");
  assert.ok(output.text.endsWith("\r\x1b[K"));
});

Deno.test("withProgress() writes nothing for quick work, nor where there is no terminal", async () => {
  for (const terminal of [true, false]) {
    const output = new FakeOutput(terminal);
    assert.equal(await withProgress(output, () => "x", Promise.resolve(1)), 1);
    await assert.rejects(withProgress(output, () => "x", Promise.reject(new Error("no"))), /no/);
    assert.equal(output.text, "");
  }
});

Deno.test("withProgress() survives a terminal that has gone", async () => {
  const output = new FakeOutput(true);
  output.closed = true;
  const tried = Promise.withResolvers<void>();
  const describe = () => {
    tried.resolve();
    return "x";
  };
  assert.equal(
    await withProgress(output, describe, tried.promise.then(() => 1), { intervalMs: 1 }),
    1,
  );
});
