import { settleAfterDeaths } from "../../recovery/daemon_crashes.ts";

Deno.test("the daemon settles what it left when it was killed, 20 times", () =>
  settleAfterDeaths(20));
