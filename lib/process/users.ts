import { JobWorkerError } from "../errors.ts";
import type { UserPolicy } from "../job/user_policy.ts";
import type { ProcShell } from "./proc_shell.ts";

/** Numeric ids; the supplementary groups are those of group(5). */
export interface Rights {
  readonly uid: number;
  readonly gid: number;
}

/** A user of this system, by passwd(5). */
export interface SystemUser extends Rights {
  readonly name: string;
  readonly home: string;
}

/**
 * The user that a job is to run as.
 *
 * @param asked the name in the request; `""` for none
 * @returns `null` for the daemon's own
 * @throws `permission_denied` if the policy does not allow it; `failed_precondition` if there is no
 *   such user, or we are not root and cannot become another
 */
export async function chooseUser(
  asked: string,
  policy: UserPolicy,
  shell: ProcShell,
): Promise<SystemUser | null> {
  const name = asked || policy.default;
  const field = asked === "" ? {} : { field: "execution.user" };
  if (name === "") return null;
  if (name !== policy.default && policy.allowed !== "any" && !policy.allowed.includes(name)) {
    throw new JobWorkerError(
      "permission_denied",
      `Cannot run the job as user "${name}": the daemon does not allow it (see its --allow-users)`,
      field,
    );
  }
  const entry = /^(\d+) (\d+) (.*)$/.exec(await shell.ask(`user ${name}`));
  if (entry === null) {
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot run the job as user "${name}": there is no such user`,
      field,
    );
  }
  const [uid = 0, gid = 0] = entry.slice(1, 3).map(Number);
  const own = Number(await shell.ask("uid"));
  if (own !== 0 && own !== uid) {
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot run the job as user "${name}": the daemon does not run as root`,
      field,
    );
  }
  return { name, uid, gid, home: entry[3] || "/" };
}

/** The options of setpriv(1) that give a process these rights and no others. */
export function rightsOf({ uid, gid }: Rights): string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, "--init-groups"];
}
