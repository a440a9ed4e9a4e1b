import {
  DEFAULT_START_POLICY,
  queuedStart,
  type StartPolicy,
} from "../../lib/worker/start_request.ts";
import { assert } from "../assert.ts";
import { JOB } from "../grpc/fixture.ts";

/** Whether a job that was queued to run as this user may be launched. */
function mayRun(user: string, policy: Partial<StartPolicy>): boolean {
  const job = { ...JOB, owner: "alice", execution: { ...JOB.execution, user } };
  try {
    const { execution } = queuedStart(job, { ...DEFAULT_START_POLICY, ...policy });
    assert.equal(execution.user, user);
    return true;
  } catch (error) {
    assert.equal(Reflect.get(Object(error), "code"), "permission_denied");
    return false;
  }
}

Deno.test("queuedStart() runs a job as the user that it was queued for, if that is allowed now", () => {
  assert.ok(mayRun("", {}));
  assert.ok(mayRun("nobody", { jobUser: "nobody" }));
  assert.ok(mayRun("bin", { jobUser: "nobody", allowUsers: ["bin"] }));
  assert.ok(mayRun("bin", { jobUser: "nobody", allowUsers: "any" }));
  assert.ok(!mayRun("bin", { jobUser: "nobody", allowUsers: ["daemon"] }));
  assert.ok(!mayRun("nobody", {}));
  // It would have the rights of the daemon.
  assert.ok(!mayRun("", { jobUser: "nobody" }));
  assert.ok(!mayRun("", { jobUser: "nobody", allowUsers: "any" }));
});

Deno.test("queuedStart() knows the users of an owner's jobs", () => {
  const jobUsersOf = (owner: string) => owner === "alice" ? ["blue", "red"] : ["green"];
  assert.ok(mayRun("blue", { jobUsersOf }));
  assert.ok(mayRun("red", { jobUsersOf }));
  assert.ok(mayRun("green", { jobUsersOf, allowUsers: ["green"] }));
  assert.ok(!mayRun("green", { jobUsersOf }));
  assert.ok(!mayRun("nobody", { jobUsersOf, jobUser: "nobody" }));
  assert.ok(!mayRun("", { jobUsersOf }));
  assert.ok(!mayRun("", { jobUsersOf: () => [] }));
});

Deno.test("queuedStart() keeps a job to the limits of now", () => {
  const start = (timeoutMs: number, policy: Partial<StartPolicy>) =>
    queuedStart({ ...JOB, execution: { ...JOB.execution, timeoutMs } }, {
      ...DEFAULT_START_POLICY,
      ...policy,
    });
  assert.equal(start(0, {}).execution.timeoutMs, 0);
  assert.equal(start(0, { maxTimeoutMs: 5_000 }).execution.timeoutMs, 5_000);
  assert.equal(start(4_000, { maxTimeoutMs: 5_000 }).execution.timeoutMs, 4_000);
  const code = "invalid_argument";
  assert.throws(() => start(6_000, { maxTimeoutMs: 5_000 }), { code, message: /timeout 6s/ });
  const maxLogLimit = JOB.logLimit.bytes - 1;
  assert.throws(() => start(0, { maxLogLimit }), { code, message: /log/ });
});
