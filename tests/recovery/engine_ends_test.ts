import { endEngines } from "./engine_ends.ts";

Deno.test("Nobody notices that the engine is killed three times", () =>
  endEngines({ rounds: 3, how: "killed" }));

Deno.test("Nobody notices that the engine hands over twice", () =>
  endEngines({ rounds: 2, how: "handed over" }));
