import { loadDenyListOf } from "../auth/deny_list.ts";
import { loadPasswordFile } from "../auth/password_file.ts";
import { loadServerMaterial } from "../auth/server_certificate.ts";
import type { DaemonOptions } from "../config/options.ts";

/**
 * Reads what a gateway will read, so that a start that cannot succeed ends before it makes anything.
 *
 * @throws {JobWorkerError} `failed_precondition` with the first file that is wrong
 */
export async function checkGatewayFiles(
  options: Pick<DaemonOptions, "cert" | "key" | "ca" | "denyList" | "restAddress" | "users">,
): Promise<void> {
  await loadServerMaterial(options);
  await loadDenyListOf(options);
  if (options.restAddress !== null) await loadPasswordFile(options.users);
}
