import { JobWorkerError } from "../errors.ts";

const DIRECTORIES = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];

/**
 * The absolute path of a program that starting jobs relies on. Looked up in the system's own
 * directories, never in a job's `PATH`.
 *
 * @throws `failed_precondition`, with the name of the package to install
 */
export async function findTool(name: string, options: { package: string }): Promise<string> {
  for (const directory of DIRECTORIES) {
    const path = `${directory}/${name}`;
    const info = await Deno.stat(path).catch(() => null);
    if (info?.isFile) return path;
  }
  throw new JobWorkerError(
    "failed_precondition",
    `Cannot find the program "${name}" in ${DIRECTORIES.join(", ")}: install the package ` +
      `"${options.package}"`,
  );
}
