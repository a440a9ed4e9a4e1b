import { assert } from "../../assert.ts";
import { ROOT } from "../../programs.ts";
import { TestCollector } from "../../tracing/collector.ts";

/** Two calls of a command through a keeper, which tells the trace that each is part of. */
const SCRIPT = `
import { TestKeeper } from "file://${ROOT}tests/cli/kept/fixture.ts";
import { currentTrace, traced } from "file://${ROOT}lib/tracing/trace.ts";
const tell = () => Promise.resolve({ trace: currentTrace() });
await using keeper = await TestKeeper.start({
  getJob: tell,
  watchJobs: async function* () {
    yield await tell();
  },
});
await using client = await keeper.client();
await traced("command", { kind: "internal" }, async () => {
  console.log(currentTrace());
  console.log((await client.getJob({ jobId: "1" })).trace);
  for await (const { trace } of client.watchJobs({ filter: {} })) console.log(trace);
});
console.log((await client.getJob({ jobId: "1" })).trace);`;

Deno.test("Calls through a keeper are part of the trace of who makes them", async () => {
  await using collector = new TestCollector();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "--allow-all", `--config=${ROOT}deno.json`],
      `data:application/typescript,${encodeURIComponent(SCRIPT)}`,
    ],
    env: { NO_COLOR: "1", ...collector.environment },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const [command = "", ...calls] = new TextDecoder().decode(stdout).trim().split("\n")
    .map((trace) => trace.split("-")[1]);
  assert.match(command, /^[0-9a-f]{32}$/);
  assert.equal(calls.length, 3);
  assert.deepEqual(calls.slice(0, 2), [command, command]);
  assert.notEqual(calls[2], command, "That one is a trace by itself");
  const names = collector.spans.filter(({ traceId }) => traceId === command).map(({ name }) =>
    name
  );
  assert.deepEqual(names.toSorted(), ["command", "kept getJob", "kept watchJobs"]);
});
