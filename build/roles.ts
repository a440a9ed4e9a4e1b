/**
 * The table of docs/security.md: who may do what, from the rules of the methods.
 *
 * @module
 */

import { authorize } from "../lib/auth/authorize.ts";
import { type Role, ROLES } from "../lib/auth/identity.ts";
import { JOB_METHODS, type JobMethod, METHODS } from "../lib/service/methods.ts";
import { table } from "./table.ts";

/** The document that holds the table. */
export const SECURITY_PAGE: URL = new URL("../docs/security.md", import.meta.url);

/** What is served beside our own service, and to whom. */
const OTHERS: readonly (readonly string[])[] = [
  ["health checks (`grpc.health.v1`)", ...ROLES.map(() => "yes"), "yes"],
  ["reflection (`grpc.reflection.v1`, `v1alpha`)", ...ROLES.map(() => "yes"), "yes"],
];

/** The document with today's table in place of the one that it holds. */
export function withRoleTable(page: string): string {
  const heading = ["", ...ROLES.map((role) => `\`${role}\``), "no role"];
  const rows = JOB_METHODS.map((method) => [
    `\`${method.charAt(0).toUpperCase()}${method.slice(1)}\``,
    ...ROLES.map((role) => words([role], method)),
    words([], method),
  ]);
  const whole = table([heading, ...rows, ...OTHERS]);
  return page.replace(/^\| {2}.*\|$(\n\|.*\|$)*/m, () => whole);
}

function words(roles: readonly Role[], method: JobMethod): string {
  const identity = { user: "alice", roles };
  const may = (owner?: string) =>
    authorize(identity, METHODS[method].rule, owner).kind === "allowed";
  if (method === "startJob" || method === "streamAudit") return may() ? "yes" : "no";
  return may("bob") ? "every job" : may("alice") ? "own jobs" : "no";
}
