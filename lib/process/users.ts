import { JobWorkerError } from "../errors.ts";
import type { ProcShell } from "./proc_shell.ts";

/** Numeric ids; the supplementary groups are those of group(5). */
export interface Rights {
  readonly uid: number;
  readonly gid: number;
  /** Whether it is in no passwd(5), and so in no group but its own. */
  readonly isDynamic?: boolean;
}

/** A user of this system, by passwd(5) or made for one job. */
export interface SystemUser extends Rights {
  readonly name: string;
  readonly home: string;
  /** Whether its rights are those that we have: then a process of ours need not be given them. */
  readonly isOurs: boolean;
}

/** Who looks for a user. */
export interface FindUserOptions {
  readonly shell: ProcShell;
  /** Our own user id. */
  readonly ownUid: number;
}

/**
 * Looks up a user of this system that a job is to run as.
 *
 * @throws `failed_precondition` if there is no such user, or we are not root and cannot become another
 */
export async function findUser(
  name: string,
  { shell, ownUid }: FindUserOptions,
): Promise<SystemUser> {
  const entry = /^(\d+) (\d+) (.*)$/.exec(await shell.ask(`user ${name}`));
  if (entry === null) throw cannotRunAs(name, "there is no such user");
  const [uid = 0, gid = 0] = entry.slice(1, 3).map(Number);
  if (ownUid !== 0 && ownUid !== uid) throw cannotRunAs(name, "the daemon does not run as root");
  const isOurs = ownUid === uid && await haveRightsOf({ uid, gid }, name, shell);
  return { name, uid, gid, home: entry[3] || "/", isOurs };
}

/** Whether becoming a user, supplementary groups included, would change nothing. */
async function haveRightsOf(
  { uid, gid }: Rights,
  name: string,
  shell: ProcShell,
): Promise<boolean> {
  const [theirs, ours] = await Promise.all([shell.ask(`groups ${name}`), shell.ask("ours")]);
  const [ruid, euid, rgid, egid, ...groups] = ours.split(" ");
  const sorted = (words: readonly string[]) => [...new Set(words)].sort().join(" ");
  return [ruid, euid].every((id) => id === String(uid)) &&
    [rgid, egid].every((id) => id === String(gid)) &&
    sorted(theirs.split(" ")) === sorted(groups);
}

function cannotRunAs(name: string, why: string): JobWorkerError {
  return new JobWorkerError(
    "failed_precondition",
    `Cannot run the job as user "${name}": ${why}`,
  );
}

/** The options of setpriv(1) that give a process these rights and no others. */
export function rightsOf({ uid, gid, isDynamic = false }: Rights): string[] {
  const groups = isDynamic ? "--clear-groups" : "--init-groups";
  return [`--reuid=${uid}`, `--regid=${gid}`, groups];
}

/** The option of setpriv(1) by which a process, and all that it starts, never gains rights again. */
export const NO_NEW_PRIVILEGES = "--no-new-privs";
