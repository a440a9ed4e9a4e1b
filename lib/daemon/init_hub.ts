import { hostname } from "node:os";
import { join } from "node:path";
import { CertificateAuthority } from "../auth/certificate_authority.ts";
import { LOCAL_HOSTS } from "../auth/certificates.ts";
import { issueFleetCredentials } from "../auth/fleet_certificates.ts";
import { issueCertificate } from "../auth/issue_certificate.ts";
import { failedPrecondition, invalidArgument } from "../errors.ts";
import {
  FLEET_DIRECTORY,
  FLEET_FILES,
  type FleetHost,
  fleetNameSchema,
  type FleetSettings,
  natsAddressSchema,
  readFleetHosts,
  readFleetSettings,
  writeFleetSettings,
} from "../fleet/fleet_files.ts";
import { natsConf } from "../fleet/nats_conf.ts";
import { shellWords } from "../text/printable.ts";
import { formatHostPort, parseHostPort } from "../net/host_port.ts";
import { checkNew, isThere, makeDirectory, type NewFile, writeNew } from "./new_files.ts";
import { checkFlag } from "./flags.ts";

/** What `init --hub` says of the fleet. */
export interface HubOptions {
  readonly fleet: string;
  /** Where the servers of NATS are: at least one, each as `host:port`. */
  readonly nats: readonly string[];
  /** `""`: `ca-key.pem` beside the certificate of the CA. */
  readonly caKey: string;
}

/** The flags of `init` that go with `--hub`, as they are written. */
export interface HubFlags {
  readonly hub: boolean;
  readonly fleet?: string;
  readonly nats: readonly string[];
  readonly "ca-key"?: string;
}

/** The only hub of its fleet, so far. */
const HUB_NAME = "hub";
const DEFAULT_FLEET = "main";
/** Where nats-server listens unless it is told otherwise. */
const NATS_PORT = 4222;
const VALID_DAYS = 365;
/** Where nats-server writes its process id, so that it can be told to read its configuration again. */
export const NATS_PID = "nats-server.pid";

/**
 * Reads the flags that are about a fleet.
 *
 * @param hosts those of the hub: the servers of NATS are at the first one, unless the flags say where they are
 * @returns `null` without `--hub`
 * @throws {JobWorkerError} `invalid_argument`
 */
export function parseHubFlags(flags: HubFlags, hosts: readonly string[]): HubOptions | null {
  const { hub, fleet = DEFAULT_FLEET, nats, "ca-key": caKey = "" } = flags;
  if (!hub) {
    const given = Object.entries({ fleet: flags.fleet, nats: nats[0], "ca-key": flags["ca-key"] })
      .find(([, value]) => value !== undefined);
    if (given === undefined) return null;
    throw invalidArgument(`--${given[0]} goes with --hub: see init --help`);
  }
  checkFlag("--fleet", fleet, fleetNameSchema);
  for (const address of nats) checkFlag("--nats", address, natsAddressSchema);
  const here = formatHostPort(hosts[0] ?? hostname(), NATS_PORT);
  return { fleet, nats: nats.length > 0 ? nats : [here], caKey };
}

/** A {@linkcode makeHub} that is to be. */
export interface HubRequest extends HubOptions {
  /** The directory of the hub. Its CA is in `certs/`. */
  readonly directory: string;
  /** Names and addresses of the hub. */
  readonly hosts: readonly string[];
  /** The CA was there before, and its server may not have these names yet. */
  readonly hadCa: boolean;
  /** Replace certificates and keys of the hub and of nats-server. The hosts stay. */
  readonly force: boolean;
}

/**
 * Refuses what {@linkcode makeHub} could not do.
 *
 * @param files what else is to be made
 * @throws {JobWorkerError} `already_exists` if a file is there, `failed_precondition` if hosts are in a fleet of
 * another name
 */
export async function checkHub(
  { directory, fleet, force }: Pick<HubRequest, "directory" | "fleet" | "force">,
  files: readonly NewFile[],
): Promise<void> {
  const place = join(directory, FLEET_DIRECTORY);
  const { hosts: _, ...own } = FLEET_FILES;
  const names = Object.values(own).map((name) => `${FLEET_DIRECTORY}/${name}`);
  await checkNew(directory, [...files.map(({ name }) => name), ...names], {
    force,
    remedy: "use --force to replace it; the CA and the hosts stay",
  });
  const hosts = await hostsIn(place);
  if (hosts.length === 0) return;
  const old = await readFleetSettings(place);
  if (old.fleet === fleet) return;
  throw failedPrecondition(
    `Cannot make the fleet "${fleet}" in "${place}": it has hosts of the fleet "${old.fleet}"; ` +
      "remove them first",
  );
}

/**
 * Makes what a hub needs beside what every daemon does: certificates that say that it is one, and all that
 * nats-server needs.
 *
 * @returns what was made
 * @throws {JobWorkerError} `failed_precondition` if the key of the CA is not there, or a file cannot be written
 */
export async function makeHub(request: HubRequest): Promise<[path: string, about: string][]> {
  const { directory, fleet, nats, caKey, hosts, hadCa, force } = request;
  const place = join(directory, FLEET_DIRECTORY);
  await makeDirectory(join(place, FLEET_FILES.hosts), 0o755);
  const certs = join(directory, "certs");
  using authority = await CertificateAuthority.open({ directory: certs, caKey, denyList: "" });
  if (hadCa && hosts.length > 0) await authority.renew("server", { days: VALID_DAYS, hosts });
  const terms = await authority.terms(VALID_DAYS);
  const { tls, sign } = await issueFleetCredentials(
    { fleet, kind: "hub", name: HUB_NAME },
    terms,
  );
  const servers = nats.map((address) => parseHostPort(address)?.hostname ?? "");
  const natsHosts = [...new Set([...LOCAL_HOSTS, ...hosts, ...servers])];
  const server = await issueCertificate({
    subject: [["CN", "nats-server"]],
    // In a cluster each connects to the others.
    usages: ["serverAuth", "clientAuth"],
    hosts: natsHosts,
    ...terms,
  });
  const settings: FleetSettings = { fleet, hub: HUB_NAME, nats };
  const conf = natsConf({
    settings,
    serverCert: server.cert,
    hubCert: tls.cert,
    hosts: await hostsIn(place),
  });
  const signer = `with which the hub of the fleet "${fleet}" signs its calls`;
  const files: [name: string, text: string, mode: number, about: string][] = [
    [FLEET_FILES.ca, terms.issuer.cert, 0o644, "certificate of the CA, for nats-server"],
    [FLEET_FILES.hubTlsKey, tls.key, 0o600, "private key of the hub at NATS"],
    [FLEET_FILES.hubTlsCert, tls.cert, 0o644, "certificate of the hub at NATS"],
    [FLEET_FILES.hubSignKey, sign.key, 0o600, `private key ${signer}`],
    [FLEET_FILES.hubSignCert, sign.cert, 0o644, `certificate ${signer}`],
    [FLEET_FILES.natsServerKey, server.key, 0o600, "private key of nats-server"],
    [
      FLEET_FILES.natsServerCert,
      server.cert,
      0o644,
      `certificate of nats-server ${natsHosts.join(", ")}`,
    ],
    [FLEET_FILES.natsConf, conf, 0o644, "the configuration of nats-server"],
  ];
  const made: [path: string, about: string][] = [];
  for (const [name, text, mode, about] of files) {
    await writeNew(join(place, name), text, { mode, force });
    made.push([join(place, name), about]);
  }
  // Last, since the fleet is there with it.
  await writeFleetSettings(place, settings);
  made.push([
    join(place, FLEET_FILES.settings),
    `the fleet "${fleet}", with NATS at ${nats.join(", ")}`,
  ]);
  return made;
}

/** The command line by which nats-server serves the fleet of a hub in this directory. */
export function natsCommand(directory: string): string {
  const place = shellWords([join(directory, FLEET_DIRECTORY)]);
  return `cd ${place} && nats-server --config ${FLEET_FILES.natsConf} --pid ${NATS_PID}`;
}

async function hostsIn(place: string): Promise<readonly FleetHost[]> {
  return await isThere(join(place, FLEET_FILES.hosts)) ? await readFleetHosts(place) : [];
}
