import { settleAfterDeaths } from "./daemon_crashes.ts";

Deno.test("the daemon settles what it left when it was killed, twice", () => settleAfterDeaths(2));
