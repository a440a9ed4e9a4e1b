/** The roles; `authorize.ts` says what they allow. Kubernetes' convention: CN = user, O = roles. */
export const ROLES = ["admin", "operator", "viewer"] as const;

/** A role that Job Worker knows. */
export type Role = typeof ROLES[number];

/** Who somebody has proven to be. */
export interface Identity {
  readonly user: string;
  /** Known roles, without duplicates; there may be none, which gives no access. */
  readonly roles: readonly Role[];
}

/** RFC 5280, appendix A: ub-common-name. */
const MAX_NAME_LENGTH = 64;

/**
 * Characters that would make one name look like another, or garble the line that shows it: controls,
 * bidirectional marks, unassigned and private characters (C), line breaks and spaces other than the
 * plain one (Z), invisible characters, and the replacement character for bytes that were not text.
 */
const NOT_PLAIN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\ufffd]|(?! )\p{Zs}/u;

/** Whether this can be the name of a user in a CN. */
export function isPlainName(name: string): boolean {
  return name !== "" && name === name.trim() && Array.from(name).length <= MAX_NAME_LENGTH &&
    !NOT_PLAIN.test(name);
}
