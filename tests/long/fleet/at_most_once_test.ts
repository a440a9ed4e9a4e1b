/** The promise that a job runs once, whoever dies in between, as a gate. */

import { checkOutcome, runAmongDeaths } from "../../fleet/deaths.ts";
import { natsTest } from "../../fleet/nats_server.ts";

natsTest("None of 1000 jobs runs twice or is missing while everything dies at random", async () => {
  checkOutcome(await runAmongDeaths(1_000, 40));
});
