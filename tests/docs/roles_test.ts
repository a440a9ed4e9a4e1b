/** The table of roles in README is what the rules of the methods say. */

import { authorize } from "../../lib/auth/authorize.ts";
import { type Role, ROLES } from "../../lib/auth/identity.ts";
import { isChange, JOB_METHODS, type JobMethod, METHODS } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

/** The methods of each column. */
const COLUMNS: readonly (readonly JobMethod[])[] = [
  ["startJob"],
  JOB_METHODS.filter((method) => isChange(method) && method !== "startJob"),
  JOB_METHODS.filter((method) => !isChange(method) && method !== "streamAudit"),
  ["streamAudit"],
];

/** What a role may do by a method, in the words of the table. */
function words(role: Role, method: JobMethod): string {
  const identity = { user: "alice", roles: [role] };
  const may = (owner?: string) =>
    authorize(identity, METHODS[method].rule, owner).kind === "allowed";
  if (method === "startJob" || method === "streamAudit") return may() ? "yes" : "no";
  return may("bob") ? "every job" : may("alice") ? "its own jobs" : "no";
}

Deno.test("README says of each role what the rule of every method says", async () => {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const rows = [
    ...readme.matchAll(
      /^\| `(\w+)` +\| (\S[^|]*?) +\| (\S[^|]*?) +\| (\S[^|]*?) +\| (\S[^|]*?) +\|$/gm,
    ),
  ]
    .filter(([, role]) => ROLES.some((one) => one === role))
    .map(([, role, ...cells]) => [role, ...cells]);
  const expected = ROLES.map((role) => [
    role,
    ...COLUMNS.map((methods) => [...new Set(methods.map((method) => words(role, method)))].join()),
  ]);
  assert.deepEqual(rows.toSorted(), expected.toSorted());
});
