/** Whose rights jobs may have. */
export interface UserPolicy {
  /** Of a job that does not say; `""` for the daemon's own. */
  readonly default: string;
  /** Who else may be asked for. */
  readonly allowed: readonly string[] | "any";
}
