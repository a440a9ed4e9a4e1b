import { JobWorkerError } from "../../lib/errors.ts";
import { currentTrace, traced } from "../../lib/tracing/trace.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { TestCollector } from "./collector.ts";

/** What a process with traces prints, which runs this with what is in `lib/tracing/trace.ts`. */
async function printed(script: string, env: Record<string, string>): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--quiet",
      "--no-config",
      `
      import { currentTrace, traced } from "${ROOT}lib/tracing/trace.ts";
      import { JobWorkerError } from "${ROOT}lib/errors.ts";
      ${script}`,
    ],
    env: { NO_COLOR: "1", ...env },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("traced() does nothing but run what it is given where nobody has switched traces on", async () => {
  const seen = await traced("a", { kind: "server" }, () => Promise.resolve(currentTrace()));
  assert.equal(seen, undefined);
  const error = new JobWorkerError("not_found", "No");
  const failing = traced("a", { kind: "server" }, () => Promise.reject(error));
  assert.equal(await failing.catch((thrown) => thrown), error);
});

Deno.test("traced() makes spans below that which a traceparent names, and starts anew without one", async () => {
  await using collector = new TestCollector();
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const within = await printed(
    `
    await traced("outer", { kind: "server", parent: "${parent}" }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await traced("inner", { kind: "internal" }, async () => console.log(currentTrace()));
    });
    for (const parent of [undefined, "", "00-0-0-0", "${parent}x", "${parent.toUpperCase()}"]) {
      await traced("alone", { kind: "server", parent }, () => Promise.resolve());
    }
    const failures = [new JobWorkerError("not_found", "a secret"), new Error("a secret")];
    for (const error of failures) {
      await traced("failed", { kind: "server" }, () => Promise.reject(error)).catch(() => {});
    }
    if (currentTrace() !== undefined) throw new Error("It is over");
    `,
    collector.environment,
  );
  // What a process has to send it sends before it ends.
  const spans = Map.groupBy(collector.spans, ({ name }) => name);
  const [outer] = spans.get("outer") ?? [];
  const [inner] = spans.get("inner") ?? [];
  assert.equal(outer?.traceId, "0af7651916cd43dd8448eb211c80319c");
  assert.equal(outer.parentSpanId, "b7ad6b7169203331");
  assert.deepEqual([inner?.traceId, inner?.parentSpanId], [outer.traceId, outer.spanId]);
  assert.equal(within, `00-${inner?.traceId}-${inner?.spanId}-01`);
  const alone = spans.get("alone") ?? [];
  assert.equal(alone.length, 5);
  for (const { parentSpanId, traceId } of alone) {
    assert.match(parentSpanId, /^0*$/);
    assert.notEqual(traceId, outer.traceId);
  }
  const failed = (spans.get("failed") ?? []).map(({ attributes }) => attributes);
  assert.deepEqual(
    failed,
    ["not_found", "internal"].map((stringValue) => [
      { key: "error.type", value: { stringValue } },
    ]),
  );
  assert.doesNotMatch(collector.received, /secret/);
});
