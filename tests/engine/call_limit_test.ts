import { CallQuota, type CountedCall } from "../../lib/engine/call_limit.ts";
import type { JobMethod } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";

/** Makes a call, as the engine does. */
function call(quota: CallQuota, user: string, method: JobMethod = "getJob"): CountedCall {
  const counted = quota.enter();
  try {
    counted.assign(user, method);
    return counted;
  } catch (error) {
    counted[Symbol.dispose]();
    throw error;
  }
}

const refusal = (message: string) => ({ code: "resource_exhausted", message });

Deno.test("CallQuota leaves room for everybody else, whatever one user does", () => {
  const quota = new CallQuota({ maxCalls: 8, maxCallsPerUser: 2 });
  const [first] = [call(quota, "vera"), call(quota, "vera")];
  assert.throws(() => call(quota, "vera"), refusal('More than 2 calls of user "vera" at once'));
  for (const user of ["a", "b"]) for (let n = 0; n < 2; n++) call(quota, user);
  first?.[Symbol.dispose]();
  // It counts once, however often it ends.
  first?.[Symbol.dispose]();
  call(quota, "vera");
  assert.throws(() => call(quota, "vera"), refusal('More than 2 calls of user "vera" at once'));
  for (let n = 0; n < 2; n++) call(quota, "c");
  assert.throws(() => call(quota, "d"), refusal("More than 8 calls at once"));
});

Deno.test("CallQuota keeps some calls for what is over soon, however many last", () => {
  const quota = new CallQuota({ maxCalls: 32, maxCallsPerUser: 30 });
  const lasting = ["watchJobs", "streamLogs", "waitJob", "writeInput"] as const;
  for (let n = 0; n < 28; n++) call(quota, "vera", lasting[n % 4]);
  for (const method of lasting) {
    assert.throws(() => call(quota, "olga", method), refusal("More than 28 calls at once"));
  }
  for (let n = 0; n < 4; n++) call(quota, "alice", "stopJob");
  assert.throws(() => call(quota, "alice", "stopJob"), refusal("More than 32 calls at once"));
});

Deno.test("CallQuota counts a call that is refused for its user no longer than the others", () => {
  const quota = new CallQuota({ maxCalls: 2, maxCallsPerUser: 1 });
  const only = call(quota, "vera");
  for (let n = 0; n < 5; n++) assert.throws(() => call(quota, "vera"), /of user/);
  call(quota, "olga");
  only[Symbol.dispose]();
  call(quota, "vera");
});
