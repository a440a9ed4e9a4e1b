/** Certificates of the real CA of a hub with other dates than those that its commands give them. */

import { type FleetCredentials, issueFleetCredentials } from "../../lib/auth/fleet_certificates.ts";
import type { CertifiedKey } from "../../lib/auth/issue_certificate.ts";
import { readFleetSettings } from "../../lib/fleet/fleet_files.ts";
import { type JoinFile, joinFileText, readJoinFile } from "../../lib/fleet/join_file.ts";
import type { TestHub } from "./test_hub.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export interface Dates {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Over for a minute. A CA that has been made just now is valid for some minutes: both were valid at a time. */
export function expired(): Dates {
  const now = Date.now();
  return { notBefore: new Date(now - 4 * MINUTE_MS), notAfter: new Date(now - MINUTE_MS) };
}

/** Good for this many days and some hours more. */
export function goodFor(days: number): Dates {
  const now = Date.now();
  return { notBefore: new Date(now - MINUTE_MS), notAfter: new Date(now + (days + 0.5) * DAY_MS) };
}

/** The CA of a hub, for certificates that no command makes. */
export async function issuerOf(hub: TestHub): Promise<CertifiedKey> {
  const read = (name: string) => Deno.readTextFile(`${hub.directory}/certs/${name}.pem`);
  return { cert: await read("ca-cert"), key: await read("ca-key") };
}

/** Certificates of its own for a hub, with these dates. */
export async function hubCredentials(
  hub: TestHub,
  dates: Dates,
): Promise<FleetCredentials> {
  const { fleet, hub: name } = await readFleetSettings(hub.path(""));
  return await issueFleetCredentials({ fleet, kind: "hub", name }, {
    issuer: await issuerOf(hub),
    ...dates,
  });
}

/** Gives a host that was added certificates with these dates. */
export async function datedJoinFile(
  hub: TestHub,
  host: string,
  dates: Dates,
): Promise<JoinFile> {
  const path = hub.joinPath(host);
  const file = await readJoinFile(path);
  const credentials = await issueFleetCredentials(
    { fleet: file.fleet, kind: "host", name: host },
    { issuer: await issuerOf(hub), ...dates },
  );
  const old = { ...file, ...credentials };
  await Deno.writeTextFile(path, joinFileText(old));
  return old;
}
