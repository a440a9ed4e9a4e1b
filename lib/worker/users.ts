import { JobWorkerError } from "../errors.ts";
import type { KernelShell } from "./kernel_shell.ts";

/** Whose rights jobs may have. */
export interface UserPolicy {
  /** Of a job that does not say; `""` for the daemon's own. */
  readonly standard: string;
  /** Who else may be asked for. */
  readonly allowed: readonly string[] | "any";
}

/** A user of this system, by passwd(5). */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
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
  shell: KernelShell,
): Promise<SystemUser | null> {
  const name = asked || policy.standard;
  if (name === "") return null;
  if (name !== policy.standard && policy.allowed !== "any" && !policy.allowed.includes(name)) {
    throw new JobWorkerError(
      "permission_denied",
      `Cannot run the job as user "${name}": the daemon is not told to allow it (--allow-users)`,
    );
  }
  const [uid, gid, home = "/"] = (await shell.ask(`user ${name}`)).split(" ");
  if (uid === undefined || uid === "" || gid === undefined) {
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot run the job as user "${name}": there is no such user`,
    );
  }
  const own = Number(await shell.ask("uid"));
  if (own !== 0 && own !== Number(uid)) {
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot run the job as user "${name}": the daemon does not run as root`,
    );
  }
  return { name, uid: Number(uid), gid: Number(gid), home };
}
