import { join } from "node:path";
import { failedPrecondition, JobWorkerError, messageOf, pathFaultOf } from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { FLEET_FILES, type FleetSettings } from "./fleet_files.ts";
import {
  checkCredentials,
  type CredentialNames,
  datesFault,
  type MemberCredentials,
} from "./member_credentials.ts";

/** The files in which the parts are. */
const NAMES: CredentialNames = {
  ca: FLEET_FILES.ca,
  tlsCert: FLEET_FILES.hubTlsCert,
  tlsKey: FLEET_FILES.hubTlsKey,
  signCert: FLEET_FILES.hubSignCert,
  signKey: FLEET_FILES.hubSignKey,
};

/** How a hub gets new certificates. */
export const RENEW_HUB =
  "run `worker-daemon init --hub --force` with the options of the first time, and start nats-server and the hub again";

/**
 * Reads the certificates and keys of a hub.
 *
 * @param directory `fleet/` of the hub
 * @param time when they must be valid, in milliseconds since the Unix epoch
 * @throws {JobWorkerError} `failed_precondition` if a file cannot be read, others may change it, the parts are not
 * those of this hub, or a certificate has expired: without them a hub can do nothing
 */
export async function readHubCredentials(
  directory: string,
  { fleet, hub }: Pick<FleetSettings, "fleet" | "hub">,
  time: number,
): Promise<MemberCredentials> {
  const read = (name: string) => readPart(join(directory, name));
  const credentials = {
    ca: await read(NAMES.ca),
    tls: { cert: await read(NAMES.tlsCert), key: await read(NAMES.tlsKey) },
    sign: { cert: await read(NAMES.signCert), key: await read(NAMES.signKey) },
  };
  try {
    checkCredentials({ fleet, kind: "hub", name: hub }, credentials, NAMES);
  } catch (error) {
    throw unusable(directory, messageOf(error), error);
  }
  const why = datesFault(credentials, NAMES, time);
  if (why !== null) throw unusable(directory, `${why}; ${RENEW_HUB}`);
  return credentials;
}

async function readPart(path: string): Promise<string> {
  try {
    return await readTrustedFile(path);
  } catch (error) {
    throw unusable(path, pathFaultOf(error), error);
  }
}

function unusable(path: string, why: string, cause?: unknown): JobWorkerError {
  return failedPrecondition(`Cannot use "${path}": ${why}`, cause);
}
