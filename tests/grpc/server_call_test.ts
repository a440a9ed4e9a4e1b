import { Metadata } from "../../lib/grpc/grpc.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { type CallKind, type ServerCall, ServerCalls } from "../../lib/grpc/server_call.ts";
import { assert } from "../assert.ts";
import { CALLER } from "../engine/fixture.ts";

/** A call that nobody cancels, without a deadline. */
const CALL: ServerCall = {
  cancelled: false,
  getAuthContext: () => ({}),
  getDeadline: () => Infinity,
  getPath: () => "/Method",
  metadata: new Metadata(),
  on: () => {},
  off: () => {},
};

const GOING = new JobWorkerError("unavailable", "Going away");

function openCalls(): ServerCalls {
  return new ServerCalls({ callerOf: () => CALLER, onFault: assert.fail });
}

Deno.test("ServerCalls.end() refuses every call that comes later, even if it lets some go on", async () => {
  const calls = openCalls();
  const release = Promise.withResolvers<void>();
  const before = calls.run(CALL, "brief", () => release.promise);
  calls.end(GOING, "open_ended");
  for (const kind of ["brief", "open_ended"] satisfies CallKind[]) {
    const refusal = await calls.run(CALL, kind, () => assert.fail("It is not answered"));
    assert.equal(refusal?.details, "Going away");
  }
  release.resolve();
  assert.equal(await before, null);
});
