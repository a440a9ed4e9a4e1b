import { endEngines } from "../../recovery/engine_ends.ts";

Deno.test("Nobody notices that the engine is killed a hundred times", () =>
  endEngines({ rounds: 100, how: "killed" }));

Deno.test("Nobody notices that the engine hands over fifty times", () =>
  endEngines({ rounds: 50, how: "handed over" }));
