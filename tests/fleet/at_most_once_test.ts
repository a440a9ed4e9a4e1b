/** The promise that a job runs once, whoever dies in between; with more jobs in `tests/long/fleet/`. */

import { checkOutcome, runAmongDeaths } from "./deaths.ts";
import { natsTest } from "./nats_server.ts";

natsTest("None of 100 jobs runs twice or is missing while everything dies at random", async () => {
  checkOutcome(await runAmongDeaths(100, 6));
});
