/** A hundred times of it are in `tests/long/recovery/`. */

import { endEngines } from "./engine_ends.ts";

Deno.test("Nobody notices that the engine is killed four times", () =>
  endEngines({ rounds: 4, how: "killed" }));

Deno.test("Nobody notices that the engine hands over twice", () =>
  endEngines({ rounds: 2, how: "handed over" }));
