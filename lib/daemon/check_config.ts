import { dirname } from "node:path";
import { failedPrecondition } from "../errors.ts";
import { readFleetHosts, readFleetSettings } from "../fleet/fleet_files.ts";
import { readHubCredentials } from "../fleet/hub_credentials.ts";
import { checkJoinFile, readJoinFile } from "../fleet/join_file.ts";
import { findTools } from "../process/tools.ts";
import { checkData } from "./check_data.ts";
import { readRegistryFiles } from "./open_registry.ts";
import { checkUsers } from "./users/check_users.ts";
import { readNotifyCa } from "./notify_ca.ts";
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
  // A hub runs no jobs, as nobody.
  if (!options.hub) await checkUsers(options, setsid);
  await findGatewayUser(options, setsid);
  await readCredentials(options);
  await readNotifyCa(options);
  await checkFleet(options);
  if (options.dataDir !== IN_MEMORY) await checkData(options.dataDir, setsid);
}

/**
 * Looks at the files of the fleet that a daemon with these options belongs to, or serves.
 *
 * @throws {JobWorkerError} `failed_precondition` with the first thing that is wrong
 */
export async function checkFleet(options: DaemonOptions): Promise<void> {
  const { hub, fleet, registry, registryPassword } = options;
  if (hub && fleet === "") {
    throw failedPrecondition(
      "--hub needs --fleet: the file fleet.json that `worker-daemon init --hub` has made",
    );
  }
  if (registry !== null && !hub) {
    throw failedPrecondition("--registry goes with --hub: a host keeps its records itself");
  }
  if (registryPassword !== "" && registry === null) {
    throw failedPrecondition("--registry-password goes with --registry");
  }
  if (hub) {
    await readRegistryFiles(options);
    const settings = await readFleetSettings(dirname(fleet));
    await readHubCredentials(dirname(fleet), settings, Date.now());
    await readFleetHosts(dirname(fleet));
  } else if (fleet !== "") {
    checkJoinFile(fleet, await readJoinFile(fleet));
  }
}
