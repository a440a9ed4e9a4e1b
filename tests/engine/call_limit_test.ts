import { CallLimit, type CountedCall } from "../../lib/engine/call_limit.ts";
import { isOpenEnded, type JobMethod } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";

/** Makes a call, as the engine does. */
function call(callLimit: CallLimit, user: string, method: JobMethod = "getJob"): CountedCall {
  const counted = callLimit.enter();
  try {
    counted.assign(user, isOpenEnded(method));
    return counted;
  } catch (error) {
    counted[Symbol.dispose]();
    throw error;
  }
}

const refusal = (message: string) => ({ code: "resource_exhausted", message });

Deno.test("CallLimit leaves room for everybody else, whatever one user does", () => {
  const callLimit = new CallLimit({ maxCalls: 8, maxCallsPerUser: 2 });
  const [first] = [call(callLimit, "vera"), call(callLimit, "vera")];
  assert.throws(() => call(callLimit, "vera"), refusal('More than 2 calls of user "vera" at once'));
  for (const user of ["a", "b"]) for (let n = 0; n < 2; n++) call(callLimit, user);
  first?.[Symbol.dispose]();
  // It counts once, however often it ends.
  first?.[Symbol.dispose]();
  call(callLimit, "vera");
  assert.throws(() => call(callLimit, "vera"), refusal('More than 2 calls of user "vera" at once'));
  for (let n = 0; n < 2; n++) call(callLimit, "c");
  assert.throws(() => call(callLimit, "d"), refusal("More than 8 calls at once"));
});

Deno.test("CallLimit keeps some calls free for brief ones, however many long ones there are", () => {
  const callLimit = new CallLimit({ maxCalls: 32, maxCallsPerUser: 30 });
  const lasting = ["watchJobs", "streamLogs", "waitJob", "writeInput"] as const;
  for (let n = 0; n < 28; n++) call(callLimit, "vera", lasting[n % 4]);
  for (const method of lasting) {
    assert.throws(() => call(callLimit, "olga", method), refusal("More than 28 calls at once"));
  }
  for (let n = 0; n < 4; n++) call(callLimit, "alice", "stopJob");
  assert.throws(() => call(callLimit, "alice", "stopJob"), refusal("More than 32 calls at once"));
});

Deno.test("CallLimit lets one who has all the long calls of a user make brief ones", () => {
  const callLimit = new CallLimit({ maxCalls: 64, maxCallsPerUser: 16 });
  for (let n = 0; n < 16; n++) call(callLimit, "vera", "streamLogs");
  const full = refusal('More than 16 calls of user "vera" at once');
  assert.throws(() => call(callLimit, "vera", "waitJob"), full);
  const [stop] = [call(callLimit, "vera", "stopJob"), call(callLimit, "vera")];
  assert.throws(() => call(callLimit, "vera", "stopJob"), full);
  stop?.[Symbol.dispose]();
  assert.throws(() => call(callLimit, "vera", "streamLogs"), full);
  call(callLimit, "vera", "stopJob");
  // Who makes none that last has no more than before.
  for (let n = 0; n < 16; n++) call(callLimit, "olga");
  const many = refusal('More than 16 calls of user "olga" at once');
  for (const method of ["stopJob", "waitJob"] as const) {
    assert.throws(() => call(callLimit, "olga", method), many);
  }
});

Deno.test("CallLimit counts a call that is refused for its user no longer than the others", () => {
  const callLimit = new CallLimit({ maxCalls: 2, maxCallsPerUser: 1 });
  const only = call(callLimit, "vera");
  for (let n = 0; n < 5; n++) assert.throws(() => call(callLimit, "vera"), /of user/);
  call(callLimit, "olga");
  only[Symbol.dispose]();
  call(callLimit, "vera");
});
