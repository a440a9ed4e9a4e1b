/**
 * Who may import whom: the table of folders, read against every import of the repository. What else may be
 * used in some folders only, `deno lint` checks: see `build/lint/allowed_place.ts`.
 *
 * @module
 */

import { assert } from "./assert.ts";

/** Shared pieces, each folder named after what they are about; all may import them, and they each other. */
const SHARED = ["lib", "async", "text", "net", "files", "stdio"];

/**
 * For each folder of `lib/`, and each entry, the folders that it may import beside the shared ones; `types`
 * allows types only, which leave no trace in what runs.
 */
const MAY_IMPORT: Readonly<Record<string, Readonly<Record<string, "all" | "types">>>> = {
  ...Object.fromEntries(SHARED.map((folder) => [folder, {}])),
  job: {},
  process: { job: "all" },
  log: { job: "all" },
  executor: { job: "all", process: "all", log: "all" },
  worker: { job: "all", log: "all", executor: "all" },
  store: { job: "all" },
  auth: { job: "all" },
  service: { job: "all", worker: "all", auth: "all" },
  engine: { job: "all", service: "all", auth: "all" },
  grpc: { job: "all", "service/methods.ts": "all", service: "types", auth: "all" },
  // What requests may hold is data, without what acts on them.
  rest: {
    job: "all",
    "service/fields.ts": "all",
    "service/methods.ts": "all",
    service: "types",
    auth: "all",
  },
  config: { job: "all", auth: "all" },
  daemon: {
    job: "all",
    process: "all",
    log: "all",
    executor: "all",
    worker: "all",
    config: "all",
    store: "all",
    auth: "all",
    service: "all",
    engine: "all",
    grpc: "all",
    rest: "all",
  },
  // Certificates are made and checked on this side too: with the same code as on the other.
  cli: { job: "all", "grpc/client.ts": "all", "rest/client.ts": "all", auth: "all" },
  "server.ts": { daemon: "all" },
  "cli.ts": { cli: "all" },
};

const IMPORT =
  /^(?:import|export)\s+(type\s+)?([^;"]*?from\s+)?"(\.[^"]+)"|import\("(\.[^"]+)"\)/gm;

/** The folder of `lib/` that a path lies in, `lib` for a shared file, or the entry itself. */
function folderOf(path: string): string {
  const parts = path.split("/");
  return parts[0] !== "lib" ? path : parts.length > 2 ? parts[1] ?? "" : "lib";
}

/** Whether an import statement brings in types only. */
function isTypeOnly([, type, names]: RegExpExecArray): boolean {
  const listed = /^\s*\{([^}]*)\}\s*from\s+$/.exec(names ?? "")?.[1];
  const each = listed?.split(",").filter((name) => name.trim() !== "");
  return type !== undefined || (each?.every((name) => /^\s*type\s/.test(name)) ?? false);
}

/** What is wrong with a file. */
function violations(path: string, text: string): string[] {
  const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const from = folderOf(path);
  const allowed = MAY_IMPORT[from];
  if (allowed === undefined) return [`${path} lies in a folder that the table does not have`];
  const found: string[] = [];
  for (const match of code.matchAll(IMPORT)) {
    const to = new URL(match[3] ?? match[4] ?? "", `file:///${path}`).pathname.slice(1);
    if (!to.startsWith("lib/") || [from, ...SHARED].includes(folderOf(to))) continue;
    const right = allowed[to.slice("lib/".length)] ?? allowed[folderOf(to)];
    if (right === "all" || (right === "types" && isTypeOnly(match))) continue;
    found.push(`${path} may not import ${to}`);
  }
  return found;
}

const ROOT = new URL("../", import.meta.url);

/** The TypeScript files below a folder, as paths from the root of the house. */
async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

Deno.test("Every import goes in a direction that the table allows", async () => {
  const paths = ["server.ts", "cli.ts", ...await Array.fromAsync(sources("lib"))];
  const found: string[] = [];
  for (const path of paths) {
    found.push(...violations(path, await Deno.readTextFile(new URL(path, ROOT))));
  }
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
