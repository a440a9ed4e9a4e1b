import { findTools } from "../process/tools.ts";
import { checkData } from "./check_data.ts";
import { checkUsers } from "./users/check_users.ts";
import { readCredentials } from "./credentials.ts";
import { findGatewayUser } from "./users/gateway_user.ts";
import { type DaemonOptions, IN_MEMORY } from "../config/options.ts";

/**
 * Looks at all that a start with these options needs, and changes nothing. Ports aside: the daemon that
 * runs has them, or systemd.
 *
 * @throws {JobWorkerError} `failed_precondition` with the first thing that is wrong
 */
export async function checkConfiguration(options: DaemonOptions): Promise<void> {
  const { setsid } = await findTools();
  await checkUsers(options, setsid);
  await findGatewayUser(options, setsid);
  await readCredentials(options);
  if (options.dataDir !== IN_MEMORY) await checkData(options.dataDir, setsid);
}
