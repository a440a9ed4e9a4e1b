import { authorize } from "../../lib/auth/authorize.ts";
import type { Role } from "../../lib/auth/identity.ts";
import { JOB_METHODS, type JobMethod, METHODS } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";

const CHANGING: readonly JobMethod[] = [
  "startJob",
  "stopJob",
  "signalJob",
  "updateJob",
  "writeInput",
  "pruneJobs",
  "runJobs",
  "stopJobs",
];
const JOBLESS: readonly JobMethod[] = ["startJob", "listJobs", "watchJobs"];
/** The methods that are for admins only. */
const ADMINS: readonly JobMethod[] = ["streamAudit"];

function decide(roles: readonly Role[], method: JobMethod, owner?: string): string {
  const decision = authorize({ user: "alice", roles }, METHODS[method].rule, owner);
  return decision.kind === "allowed" ? `allowed ${decision.scope}` : decision.kind;
}

Deno.test("authorize() gives a role nothing that the rule does not name", () => {
  for (const method of JOB_METHODS) {
    assert.equal(decide([], method), "permission_denied", method);
    assert.equal(decide([], method, "alice"), "not_found", method);
    assert.equal(decide([], method, "bob"), "not_found", method);
  }
});

Deno.test("authorize() lets an admin do everything to every job", () => {
  for (const method of JOB_METHODS) {
    assert.equal(decide(["admin"], method), "allowed all", method);
    assert.equal(decide(["admin"], method, "bob"), "allowed all", method);
  }
});

Deno.test("authorize() lets an operator do everything to its own jobs, and hides the others", () => {
  for (const method of JOB_METHODS) {
    if (ADMINS.includes(method)) continue;
    assert.equal(decide(["operator"], method), "allowed own", method);
    if (JOBLESS.includes(method)) continue;
    assert.equal(decide(["operator"], method, "alice"), "allowed own", method);
    assert.equal(decide(["operator"], method, "bob"), "not_found", method);
  }
});

Deno.test("authorize() lets a viewer see every job and change none, not even its own", () => {
  for (const method of JOB_METHODS) {
    const expected = [...CHANGING, ...ADMINS].includes(method)
      ? "permission_denied"
      : "allowed all";
    assert.equal(decide(["viewer"], method), expected, method);
    assert.equal(decide(["viewer"], method, "alice"), expected, method);
    assert.equal(decide(["viewer"], method, "bob"), expected, method);
  }
});

Deno.test("authorize() keeps what is for admins from everybody else", () => {
  for (const method of ADMINS) {
    for (const roles of [["operator"], ["viewer"], ["operator", "viewer"]] as const) {
      assert.equal(decide(roles, method), "permission_denied");
    }
  }
});

Deno.test("authorize() joins what several roles allow, in any order", () => {
  for (const roles of [["operator", "viewer"], ["viewer", "operator"]] as const) {
    assert.equal(decide(roles, "startJob"), "allowed own");
    assert.equal(decide(roles, "listJobs"), "allowed all");
    assert.equal(decide(roles, "stopJob", "alice"), "allowed own");
    // Seen, so there is nothing to hide.
    assert.equal(decide(roles, "stopJob", "bob"), "permission_denied");
  }
});

Deno.test("authorize() gives nothing for a role that is a property of every object", () => {
  const roles = ["constructor", "__proto__", "toString"] as unknown as Role[];
  for (const method of JOB_METHODS) assert.equal(decide(roles, method), "permission_denied");
});
