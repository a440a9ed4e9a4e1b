import { ARCHITECTURE, architecture } from "../../build/architecture.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

Deno.test(`${ARCHITECTURE} shows the sources as they are: \`deno task docs\``, async () => {
  const document = await Deno.readTextFile(ROOT + ARCHITECTURE);
  assert.equal(document, await architecture(document));
});

Deno.test("A document without a place for a part is told of", async () => {
  await assert.rejects(architecture("# Architecture\n"), /has no place for "folder rules"/);
});

Deno.test(`${ARCHITECTURE} draws every state of a job`, async () => {
  const source = await Deno.readTextFile(`${ROOT}lib/executor/local_job.ts`);
  const [, union = ""] = /^type State =([^]*?);$/m.exec(source) ?? [];
  const states = [...union.matchAll(/kind: "(\w+)"/g)].map(([, state = ""]) => state);
  const document = await Deno.readTextFile(ROOT + ARCHITECTURE);
  const [, diagram = ""] = /^stateDiagram-v2\n([^]*?)^```/m.exec(document) ?? [];
  assert.ok(states.length > 0);
  for (const state of states) assert.ok(diagram.includes(`  ${state}: ${state} `), state);
});
