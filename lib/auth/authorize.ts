/**
 * Who may do what: the rules, and one pure function over them.
 *
 * @module
 */

import type { Identity, Role } from "./identity.ts";

/** The jobs that somebody reaches: everybody's, or only those that they started. */
export type Scope = "all" | "own";

/** The scope that each role gives. A role that is not named gives nothing. */
export type Rule = Readonly<Partial<Record<Role, Scope>>>;

/** Of methods that only tell of jobs. */
export const SEE: Rule = { admin: "all", operator: "own", viewer: "all" };

/** Of methods that change something. */
export const CHANGE: Rule = { admin: "all", operator: "own" };

/** What {@linkcode authorize} decided. */
export type Decision =
  /** For a method without a job, `scope` is which jobs it may return. */
  | { readonly kind: "allowed"; readonly scope: Scope }
  | { readonly kind: "permission_denied" }
  /** Answer exactly as if there were no such job: the caller may not know that there is. */
  | { readonly kind: "not_found" };

/**
 * Decides whether somebody may call a method.
 *
 * @param identity Who calls. Several roles give the widest scope of any of them.
 * @param rule Of the method that is called.
 * @param owner The user who started the job in question; absent where there is no such job: to
 * start one, to list or watch them, or to ask before looking the job up.
 */
export function authorize(
  identity: Identity,
  rule: Rule,
  owner?: string,
): Decision {
  const scope = scopeOf(identity, rule);
  if (scope !== null && reaches(scope)) return { kind: "allowed", scope };

  const sight = scopeOf(identity, SEE);
  const mayKnow = owner === undefined || (sight !== null && reaches(sight));
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
