import { dirname, resolve } from "node:path";
import type { DaemonOptions } from "../../config/options.ts";
import { failedPrecondition, pathFaultOf } from "../../errors.ts";
import { fileInfo } from "../../files/file_info.ts";
import type { UidRange } from "../../process/dynamic_users.ts";
import { getent } from "./getent.ts";

/** Where others may be given ids, too, see subuid(5): in containers of their own they are whoever has them. */
const DELEGATIONS = ["/etc/subuid", "/etc/subgid"];

/**
 * Refuses ids that somebody else has, and a directory in which nobody could have a home.
 *
 * @param setsid absolute path of setsid(1)
 * @throws {JobWorkerError} `failed_precondition`
 */
export async function checkJobUids(
  { jobUids, jobHomes }: Pick<DaemonOptions, "jobUids" | "jobHomes">,
  setsid: string,
): Promise<void> {
  if (jobUids === null) return;
  if (Deno.uid() !== 0) {
    throw failedPrecondition(
      "--job-uids: only a daemon that runs as root can run jobs as other users",
    );
  }
  const [users, groups] = await Promise.all([
    getent("passwd", [], setsid),
    getent("group", [], setsid),
  ]);
  const delegations = await Promise.all(
    DELEGATIONS.map(async (path) => [path, await Deno.readTextFile(path).catch(() => "")] as const),
  );
  const option = `--job-uids ${jobUids.first}-${jobUids.last}`;
  // Jobs may have no id that is perhaps somebody else's.
  if (users === null || groups === null) {
    throw failedPrecondition(
      `${option}: getent(1) cannot tell now who has these ids; see what \`getent passwd\` and ` +
        "`getent group` say",
    );
  }
  const why = whyTaken(jobUids, { users, groups, delegations: new Map(delegations) });
  if (why !== null) throw failedPrecondition(`${option}: ${why}; choose other ids`);
  await checkHomes(resolve(jobHomes));
}

/** Who has ids on this machine, each text as its manual page has it. */
interface Owners {
  /** As passwd(5). */
  readonly users: string;
  /** As group(5). */
  readonly groups: string;
  /** As subuid(5) and subgid(5), by their paths. */
  readonly delegations: ReadonlyMap<string, string>;
}

/** Who has one of these ids already; `null`: nobody. */
export function whyTaken(
  { first, last }: UidRange,
  { users, groups, delegations }: Owners,
): string | null {
  const isTaken = (id: string | undefined, count = 1) =>
    id !== undefined && Number(id) <= last && first <= Number(id) + count - 1;
  for (const [text, what] of [[users, "user"], [groups, "group"]] as const) {
    for (const [name, , id] of fieldsOf(text)) {
      if (isTaken(id)) return `${id} belongs to the ${what} "${name}"`;
    }
  }
  for (const [path, text] of delegations) {
    for (const [name, id, count] of fieldsOf(text)) {
      const until = Number(id) + Number(count) - 1;
      if (isTaken(id, Number(count))) return `${id} to ${until} belong to "${name}", see ${path}`;
    }
  }
  return null;
}

function fieldsOf(text: string): string[][] {
  return text.split("\n").map((line) => line.split(":"));
}

/** Jobs go through all directories above; what is in them must be where we have put it. */
async function checkHomes(homes: string): Promise<void> {
  for (let path = homes;; path = dirname(path)) {
    const why = await whyUnusable(path, path === homes);
    if (why !== null) {
      throw failedPrecondition(
        `Cannot use the directory for the homes of jobs "${homes}": ${why}; choose another with --job-homes`,
      );
    }
    if (path === dirname(path)) return;
  }
}

/** `null` for a directory that does not exist yet. */
async function whyUnusable(path: string, isOurs: boolean): Promise<string | null> {
  let info: Deno.FileInfo | null;
  try {
    info = await fileInfo(path);
  } catch (error) {
    return pathFaultOf(error);
  }
  if (info === null) return null;
  const { isDirectory, mode, uid } = info;
  if (!isDirectory) return `"${path}" is not a directory`;
  if (mode !== null && (mode & 0o001) === 0) return `jobs may not pass through "${path}"`;
  // In a sticky directory, such as /tmp, nobody can replace what is root's.
  const isOpen = mode !== null && (mode & 0o022) !== 0 && (isOurs || (mode & 0o1000) === 0);
  if (uid !== 0 || isOpen) return `others than root may change "${path}"`;
  return null;
}
