import { loadDenyListOf } from "../auth/deny_list.ts";
import { loadPasswordFile } from "../auth/password_file.ts";
import { loadTlsMaterial } from "../auth/tls_material.ts";
import { JobWorkerError } from "../errors.ts";
import { findTool } from "../worker/tools.ts";
import { checkDataDirectory } from "./data_directory.ts";
import { type DaemonOptions, IN_MEMORY } from "./options.ts";

/**
 * Looks at all that a start with these options needs, and changes nothing.
 *
 * @throws {JobWorkerError} `failed_precondition` with the first thing that is wrong
 */
export async function checkConfiguration(options: DaemonOptions): Promise<void> {
  await findTool("setsid");
  checkJobUser(options);
  await loadTlsMaterial(options, "server");
  await loadDenyListOf(options);
  if (options.restAddress !== null) await loadPasswordFile(options.users);
  if (options.dataDir !== IN_MEMORY) await checkDataDirectory(options.dataDir);
}

/**
 * Lets no daemon run jobs as root unless it is told so.
 *
 * @throws {JobWorkerError} `failed_precondition`
 */
export function checkJobUser({ jobUser }: DaemonOptions): void {
  if (Deno.uid() !== 0 || jobUser !== "") return;
  throw new JobWorkerError(
    "failed_precondition",
    "The daemon runs as root, and so would every job: say whose rights jobs have with " +
      "--job-user=NAME, or --job-user=root if that is meant",
  );
}
