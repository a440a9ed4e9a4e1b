import { checkHere } from "../../lib/service/check_here.ts";
import type { StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { TRUE } from "./fixture.ts";

const START: StartJobRequest = { command: TRUE, labels: {}, requestId: "" };

Deno.test("A single host takes what only a hub can do for what is usual, and refuses all else", () => {
  checkHere(START);
  checkHere({ ...START, on: { host: "", labels: {} }, priority: 0, ifHostLost: "wait" });
  const refused: [Partial<StartJobRequest>, string, string][] = [
    [{ on: { host: "web-1", labels: {} } }, "on", "Cannot choose where the job runs"],
    [{ on: { host: "", labels: { a: "1" } } }, "on", "Cannot choose where the job runs"],
    [{ priority: -1 }, "priority", "Cannot give the job a priority"],
    [{ ifHostLost: "rerun" }, "ifHostLost", "Cannot run the job again elsewhere"],
  ];
  for (const [more, field, what] of refused) {
    assert.throws(() => checkHere({ ...START, ...more }), {
      code: "failed_precondition",
      field,
      message: `${what}: this daemon is no hub of a fleet; leave out \`${field}\``,
    });
  }
});
