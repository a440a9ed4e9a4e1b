import { endEngines } from "./engine_ends.ts";

Deno.test("Nobody notices that the engine is killed ten times", () =>
  endEngines({ rounds: 10, how: "killed" }));

Deno.test("Nobody notices that the engine hands over five times", () =>
  endEngines({ rounds: 5, how: "handed over" }));
