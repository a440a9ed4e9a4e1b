/**
 * Who may import whom: the table of `layering.ts`, read against every import of the repository.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { circlesOf, folderOf, importsOf, MAY_IMPORT, SHARED } from "./layering.ts";
import { layeredSources } from "./sources.ts";

/** What is wrong with a file. */
function violations(path: string, text: string): string[] {
  const from = folderOf(path);
  const allowed = MAY_IMPORT[from];
  if (allowed === undefined) return [`${path} lies in a folder that the table does not have`];
  const found: string[] = [];
  for (const { to, typesOnly } of importsOf(path, text)) {
    if (!to.startsWith("lib/") || [from, ...SHARED].includes(folderOf(to))) continue;
    const right = allowed[to.slice("lib/".length)] ?? allowed[folderOf(to)];
    if (right === "all" || (right === "types" && typesOnly)) continue;
    found.push(`${path} may not import ${to}`);
  }
  return found;
}

Deno.test("Every import goes in a direction that the table allows", async () => {
  const found: string[] = [];
  for (const [path, text] of await layeredSources()) found.push(...violations(path, text));
  assert.deepEqual(found, []);
});

Deno.test("The test of directions sees what it must not allow, and nothing else", () => {
  const wrong: [string, string][] = [
    ["lib/worker/a.ts", 'import { A } from "../service/a.ts";'],
    ["lib/worker/a.ts", 'import type { A } from "../auth/a.ts";'],
    ["lib/store/a.ts", 'import { Worker } from "../worker/mod.ts";'],
    ["lib/store/a.ts", 'import { type A, B } from "../worker/mod.ts";'],
    ["lib/grpc/a.ts", 'import {\n  type A,\n  b,\n} from "../service/a.ts";'],
    ["lib/grpc/a.ts", 'export * from "../service/a.ts";'],
    ["lib/grpc/a.ts", 'await import("../worker/a.ts");'],
    ["lib/cli/commands/a.ts", 'import { A } from "../../grpc/server.ts";'],
    ["lib/async/a.ts", 'import { A } from "../worker/mod.ts";'],
    ["lib/a.ts", 'import { A } from "./worker/mod.ts";'],
    ["lib/daemon/a.ts", 'import { A } from "../cli/a.ts";'],
    ["lib/cli/a.ts", 'import { unicodeWidth } from "../std/cli/unicode_width.ts";'],
    ["lib/unknown/a.ts", ""],
    ["server.ts", 'import { A } from "./lib/worker/mod.ts";'],
  ];
  for (const [path, text] of wrong) assert.equal(violations(path, text).length, 1, text || path);
  const right: [string, string][] = [
    ["lib/worker/a.ts", 'import { A } from "./b.ts";\nimport { B } from "../errors.ts";'],
    ["lib/worker/a.ts", '/** import { A } from "../cli/a.ts"; */'],
    ["lib/grpc/a.ts", 'import type { A } from "../service/a.ts";'],
    ["lib/grpc/a.ts", 'import {\n  type A,\n  type B,\n} from "../service/a.ts";'],
    ["lib/store/a.ts", 'import { statusOf } from "../job/types.ts";'],
    ["lib/grpc/a.ts", 'import proto from "../../proto/a.proto" with { type: "text" };'],
    ["lib/cli/commands/a.ts", 'import { A } from "../../grpc/client.ts";'],
    ["cli.ts", 'import { A } from "./lib/cli/main.ts";'],
  ];
  for (const [path, text] of right) assert.deepEqual(violations(path, text), [], text);
});

Deno.test("No file imports itself by way of others, not even for types", async () => {
  const graph = new Map<string, string[]>();
  for (const [path, text] of await layeredSources()) {
    graph.set(path, importsOf(path, text).map(({ to }) => to));
  }
  assert.deepEqual(circlesOf(graph), []);
});

Deno.test("The test of circles finds every one, and nothing else", () => {
  const none = { a: ["b", "c"], b: ["d"], c: ["d"], d: [] };
  assert.deepEqual(circlesOf(new Map(Object.entries(none))), []);
  const some = {
    a: ["b", "e"],
    b: ["c"],
    c: ["b", "d"],
    d: ["e"],
    e: ["e"],
    f: ["g"],
    g: ["f", "a"],
  };
  assert.deepEqual(circlesOf(new Map(Object.entries(some))).toSorted(), [["b", "c"], ["e"], [
    "f",
    "g",
  ]]);
});
