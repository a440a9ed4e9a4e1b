import { settleWhatIsLeft } from "../../recovery/worker_crashes.ts";

Deno.test("Worker.open() settles what 20 workers have left that were killed at random moments", () =>
  settleWhatIsLeft(20));
