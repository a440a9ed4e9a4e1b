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
  await checkJobUser(options, await findTool("setsid"));
  await loadTlsMaterial(options, "server");
  await loadDenyListOf(options);
  if (options.restAddress !== null) await loadPasswordFile(options.users);
  if (options.dataDir !== IN_MEMORY) await checkDataDirectory(options.dataDir);
}

/**
 * Lets no daemon run jobs as root unless it is told so, nor begin with a user that no job could have.
 *
 * @throws {JobWorkerError} `failed_precondition`
 */
export async function checkJobUser({ jobUser }: DaemonOptions, setsid: string): Promise<void> {
  if (jobUser !== "") {
    const getent = new Deno.Command(setsid, {
      args: ["getent", "passwd", "--", jobUser],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    // As getent(1) says it; what else there may be shows at the first start of a job.
    if ((await getent.output()).code !== 2) return;
    throw new JobWorkerError(
      "failed_precondition",
      `--job-user "${jobUser}": there is no such user on this machine`,
    );
  }
  if (Deno.uid() !== 0) return;
  throw new JobWorkerError(
    "failed_precondition",
    "The daemon runs as root, and so would every job: say whose rights jobs have with " +
      "--job-user=NAME, or --job-user=root if that is meant",
  );
}
