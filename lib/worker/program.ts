import type { ProcessGroups } from "./process_groups.ts";
import { JobWorkerError } from "../errors.ts";

function refuse(what: string, reason: string, why: string): JobWorkerError {
  return new JobWorkerError("failed_precondition", `Cannot start the job: ${what}: ${why}`, {
    reason,
  });
}

/** The kind of thing at a path: `"file"`, `"directory"`, `"other"`, or `null` for nothing. */
async function kindOf(path: string): Promise<"file" | "directory" | "other" | null> {
  try {
    const info = await Deno.stat(path);
    return info.isFile ? "file" : info.isDirectory ? "directory" : "other";
  } catch {
    // Absent, or below something that we may not search: to a caller that is the same.
    return null;
  }
}

/**
 * Checks that a job can start in a directory. Deno reports a missing one as a missing program.
 *
 * @throws `failed_precondition` with reason `ENOENT`, `ENOTDIR` or `EACCES`
 */
export async function checkWorkingDirectory(path: string, groups: ProcessGroups): Promise<void> {
  const what = `working directory ${JSON.stringify(path)}`;
  const kind = await kindOf(path);
  if (kind === null) throw refuse(what, "ENOENT", "no such directory");
  if (kind !== "directory") throw refuse(what, "ENOTDIR", "not a directory");
  if (!await groups.mayExecute(path)) throw refuse(what, "EACCES", "permission denied");
}

/**
 * Finds the file that a command name means, as execvp(3) would: a name with a slash is a path,
 * relative to the working directory; any other is looked up in `PATH`.
 *
 * A text file that does not begin with `#!` counts as a program: execvp(3) hands it to `/bin/sh`.
 *
 * @returns an absolute path
 * @throws `failed_precondition` with reason `ENOENT` or `EACCES`
 */
export async function findProgram(
  name: string,
  options: { path: string; workingDirectory: string; groups: ProcessGroups },
): Promise<string> {
  const { workingDirectory, groups } = options;
  const absolute = (path: string) => path.startsWith("/") ? path : `${workingDirectory}/${path}`;
  const what = `program ${JSON.stringify(name)}`;
  const candidates = name.includes("/")
    ? [absolute(name)]
    : options.path.split(":").map((directory) => absolute(`${directory || "."}/${name}`));
  let denied = "";
  for (const candidate of candidates) {
    const kind = await kindOf(candidate);
    if (kind === "file" && await groups.mayExecute(candidate)) return candidate;
    if (kind === "directory") denied ||= `${candidate} is a directory`;
    else if (kind !== null) denied ||= `${candidate} is not executable: permission denied`;
  }
  if (denied !== "") throw refuse(what, "EACCES", denied);
  const where = name.includes("/") ? "no such file" : `not found in PATH (${options.path})`;
  throw refuse(what, "ENOENT", where);
}
