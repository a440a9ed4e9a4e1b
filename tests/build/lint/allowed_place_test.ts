import { assert } from "../../assert.ts";
import { ROOT } from "../../programs.ts";
import { findings } from "./findings.ts";

const RULE = "allowed-place";

Deno.test("allowed-place finds what is used in a folder that is not there for it", () => {
  const wrong: [path: string, source: string, message: string][] = [
    [
      "lib/cli/a.ts",
      'new Deno.Command("ls");',
      "Deno.Command may be used in lib/process/ and lib/daemon/ and lib/cli/kept/start_keeper.ts only",
    ],
    [
      "server.ts",
      "let command: Deno.Command;",
      "Deno.Command may be used in lib/process/ and lib/daemon/ and lib/cli/kept/start_keeper.ts only",
    ],
    [
      "lib/auth/a.ts",
      'import * as grpc from "@grpc/grpc-js";',
      "@grpc/grpc-js may be used in lib/grpc/ only",
    ],
    [
      "lib/auth/a.ts",
      'type Call = import("@grpc/grpc-js").Call;',
      "@grpc/grpc-js may be used in lib/grpc/ only",
    ],
    [
      "lib/service/a.ts",
      'export { Hono } from "hono";',
      "hono may be used in lib/rest/ only",
    ],
    [
      "lib/service/a.ts",
      'await import("npm:hono/tiny");',
      "npm:hono/tiny may be used in lib/rest/ only",
    ],
    [
      "lib/worker/a.ts",
      'import "node:sqlite";',
      "node:sqlite may be used in lib/store/ and lib/fleet/ only",
    ],
    [
      "lib/cli/a.ts",
      'import { Command } from "commander";',
      "commander may be used in lib/cli/parser.ts only",
    ],
    ["lib/job/a.ts", 'import { z } from "zod";', "zod may be used in lib/text/zod.ts only"],
  ];
  for (const [path, source, message] of wrong) {
    assert.deepEqual(findings(RULE, source, path), [message], source);
    // `deno lint` names a file by its whole path.
    assert.deepEqual(findings(RULE, source, ROOT + path), [message], source);
  }
});

Deno.test("allowed-place accepts the right folder, tests, tools, and names that are merely alike", () => {
  const right: [path: string, source: string][] = [
    ["lib/daemon/a.ts", 'new Deno.Command("ls");'],
    ["lib/cli/a.ts", "let options: Deno.CommandOptions;"],
    ["lib/grpc/a.ts", 'import * as grpc from "@grpc/grpc-js";'],
    ["lib/rest/a.ts", 'import { Hono } from "hono";'],
    ["lib/worker/a.ts", '/** import { Hono } from "hono"; */\n  // "hono"'],
    ["tests/worker/a.ts", 'new Deno.Command("ls");'],
    ["lib/cli/a.ts", 'import { z } from "./zod.ts";'],
    ["build/a.ts", 'import { Command } from "commander";'],
  ];
  for (const [path, source] of right) assert.deepEqual(findings(RULE, source, path), [], source);
});
