import { JobWorkerError } from "../errors.ts";
import type { PathAccess, ProcessGroups } from "./process_groups.ts";

/** How much of `PATH` a message repeats, in UTF-16 units. */
const MAX_SHOWN_PATH = 1_000;

/** Where a command is looked up. */
export interface ProgramOptions {
  /** In the form of the variable `PATH`. */
  readonly path: string;
  /** Absolute path. */
  readonly workingDirectory: string;
  /** The working directory if that one cannot be entered; without it, that is an error. */
  readonly otherwise?: string;
  /** Whether that is made when the program starts, and has nothing in it. */
  readonly isNew?: boolean;
  readonly groups: ProcessGroups;
}

/** Where a program is, and where it starts: absolute paths. */
export interface Place {
  readonly program: string;
  readonly workingDirectory: string;
}

/**
 * Finds the file that a command name means, as execvp(3) would: a name with a slash is a path,
 * relative to the working directory; any other is looked up in `PATH`.
 *
 * A text file that does not begin with `#!` counts as a program: execvp(3) hands it to `/bin/sh`.
 *
 * @throws `failed_precondition` with reason `ENOENT`, `ENOTDIR` or `EACCES`, for the working directory
 *   as well, which Deno would report as a missing program
 */
export async function findProgram(name: string, options: ProgramOptions): Promise<Place> {
  const { workingDirectory, otherwise, isNew = false, groups } = options;
  const absolute = (path: string) => path.startsWith("/") ? path : `${workingDirectory}/${path}`;
  const candidates = name.includes("/")
    ? [absolute(name)]
    : options.path.split(":").map((directory) => absolute(`${directory || "."}/${name}`));
  const [directory, ...accesses] = await groups.access([workingDirectory, ...candidates]);
  if (otherwise !== undefined && !(directory?.kind === "directory" && directory.usable)) {
    const { otherwise: _, ...rest } = options;
    return await findProgram(name, { ...rest, workingDirectory: otherwise });
  }
  // That the directory is missing says more than that the program is missing in it.
  if (!isNew) checkWorkingDirectory(workingDirectory, directory);
  const program = candidates.find((_, index) => isProgram(accesses[index]));
  if (program !== undefined) return { program, workingDirectory };
  const what = `program ${JSON.stringify(name)}`;
  const denied = accesses.findIndex(({ kind }) => kind !== null);
  if (denied >= 0) {
    const why = accesses[denied]?.kind === "directory"
      ? "is a directory"
      : "is not executable: permission denied";
    throw refusal(what, "EACCES", `${candidates[denied]} ${why}`, "command.name");
  }
  const where = name.includes("/") ? "no such file" : `not found in PATH (${shown(options.path)})`;
  // It may be a whole line, as one would give it to a shell.
  const hint = /\s/.test(name) ? "; if it is a line for a shell, run: sh -c '…'" : "";
  throw refusal(what, "ENOENT", where + hint, "command.name");
}

function shown(path: string): string {
  return path.length > MAX_SHOWN_PATH ? `${path.slice(0, MAX_SHOWN_PATH)}…` : path;
}

function isProgram(access?: PathAccess): boolean {
  return access?.kind === "file" && access.usable;
}

function checkWorkingDirectory(path: string, access?: PathAccess): void {
  const what = `working directory ${JSON.stringify(path)}`;
  const field = "command.workingDirectory";
  if (!access?.kind) throw refusal(what, "ENOENT", "no such directory", field);
  if (access.kind !== "directory") throw refusal(what, "ENOTDIR", "not a directory", field);
  if (!access.usable) throw refusal(what, "EACCES", "permission denied", field);
}

function refusal(what: string, reason: string, why: string, field: string): JobWorkerError {
  return new JobWorkerError("failed_precondition", `Cannot start the job: ${what}: ${why}`, {
    reason,
    field,
  });
}
