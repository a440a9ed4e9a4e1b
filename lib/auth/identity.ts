/** What a role allows is in `authorize.ts`. Kubernetes' convention: CN = user, O = roles. */
export const ROLES = ["admin", "operator", "viewer"] as const;

/** A role that Job Worker knows. */
export type Role = typeof ROLES[number];

/** Who somebody is, proven. */
export interface Identity {
  readonly user: string;
  /** The roles that we know, without repeats; possibly none, which gives no access. */
  readonly roles: readonly Role[];
}
