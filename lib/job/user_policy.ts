import { JobWorkerError } from "../errors.ts";

/** The users that jobs may run as. */
export interface UserPolicy {
  /** The user of a job that does not choose one; `""` for the daemon's own. */
  readonly jobUser: string;
  /** Who else may be chosen. */
  readonly allowUsers: readonly string[] | "any";
}

/**
 * The name of the user that a job is to run as.
 *
 * @param asked the name in the request; `""` for none
 * @returns `""` for the daemon's own
 * @throws `permission_denied` if the policy does not allow it
 */
export function chooseUser(asked: string, { jobUser, allowUsers }: UserPolicy): string {
  const name = asked || jobUser;
  if (name === jobUser || allowUsers === "any" || allowUsers.includes(name)) return name;
  throw new JobWorkerError(
    "permission_denied",
    `Cannot run the job as user "${name}": the daemon does not allow it (see its --allow-users)`,
    { field: "execution.user" },
  );
}
