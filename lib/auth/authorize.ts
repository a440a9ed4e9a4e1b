/**
 * Who may do what: the rules, and one pure function that applies them.
 *
 * @module
 */

import type { Identity, Role } from "./identity.ts";

/** The jobs that somebody has access to: everybody's, or only those that they started. */
export type Scope = "all" | "own";

/** The scope that each role gives. A role that is missing gives none. */
export type Rule = Readonly<Partial<Record<Role, Scope>>>;

/** The rule of methods that only read. */
export const SEE: Rule = { admin: "all", operator: "own", viewer: "all" };

/** The rule of methods that change something. */
export const CHANGE: Rule = { admin: "all", operator: "own" };

/** The rule of the method that shows what everybody has done. */
export const AUDIT: Rule = { admin: "all" };

/** What {@linkcode authorize} decided. */
export type Decision =
  /** For a method that is not about one job, `scope` says which jobs it may return. */
  | { readonly kind: "allowed"; readonly scope: Scope }
  | { readonly kind: "permission_denied" }
  /** Answer exactly as if there were no such job: the caller may not learn that there is one. */
  | { readonly kind: "not_found" };

/**
 * Decides whether somebody may call a method.
 *
 * @param identity who calls; of several roles, the one with the widest scope counts
 * @param rule the rule of the method that is called
 * @param owner the user who started the job in question; absent where there is none: to start one, to
 * list or watch them, or to ask before the job is looked up
 */
export function authorize(
  identity: Identity,
  rule: Rule,
  owner?: string,
): Decision {
  const scope = scopeOf(identity, rule);
  if (scope !== null && reaches(scope)) return { kind: "allowed", scope };

  const readScope = scopeOf(identity, SEE);
  const mayKnow = owner === undefined || (readScope !== null && reaches(readScope));
  return { kind: mayKnow ? "permission_denied" : "not_found" };

  function reaches(scope: Scope): boolean {
    return scope === "all" || owner === undefined || owner === identity.user;
  }
}

function scopeOf({ roles }: Identity, rule: Rule): Scope | null {
  const scopes = roles.map((role) => rule[role]);
  if (scopes.includes("all")) return "all";
  return scopes.includes("own") ? "own" : null;
}
