import { X509Certificate } from "node:crypto";
import { basename, join } from "node:path";
import { CertificateAuthority } from "../auth/certificate_authority.ts";
import { issueFleetCredentials, makeSealKeys } from "../auth/fleet_certificates.ts";
import { failedPrecondition, JobWorkerError, pathFaultOf } from "../errors.ts";
import {
  FLEET_DIRECTORY,
  FLEET_FILES,
  type FleetHost,
  hostPath,
  readFleetHosts,
  readFleetSettings,
  removeFleetHost,
  writeFleetHost,
} from "../fleet/fleet_files.ts";
import { joinFileText } from "../fleet/join_file.ts";
import { natsConf } from "../fleet/nats_conf.ts";
import { jsonLine, printable, shellWords } from "../text/printable.ts";
import { type AddHost, HOST_USAGE, type HostVerb, parseHostLine } from "./host_line.ts";
import { NATS_PID } from "./init_hub.ts";
import { isThere, writeNew } from "./new_files.ts";

const VALID_DAYS = 365;

/**
 * Adds a host to a fleet, lists the hosts, or removes one.
 *
 * @param args what follows the word `host`
 * @returns what to print
 * @throws {JobWorkerError} `invalid_argument`; `already_exists` for a host that is there, `not_found` for one that
 * is not; `failed_precondition` if there is no hub in the directory, or a file cannot be written
 */
export async function hostCommand(args: readonly string[]): Promise<string> {
  const verb = await parseHostLine(args);
  switch (verb?.action) {
    case undefined:
      return HOST_USAGE;
    case "add":
      return await add(verb);
    case "list":
      return await list(verb);
    case "remove":
      return await remove(verb);
  }
}

async function add(verb: AddHost): Promise<string> {
  const { host, labels, slots, out, force } = verb;
  const place = await placeOf(verb.directory);
  const { fleet, nats } = await readFleetSettings(place);
  // Nobody else changes the fleet meanwhile.
  using authority = await openAuthority(verb);
  const old = (await readFleetHosts(place)).find((one) => one.host === host);
  if (old !== undefined && !force) {
    throw new JobWorkerError(
      "already_exists",
      `Cannot add "${host}": it is in the fleet "${fleet}" already; --force gives it new keys, ` +
        `and to change its labels or slots alone, edit "${hostPath(place, host)}"`,
    );
  }
  if (await isThere(out)) {
    throw new JobWorkerError(
      "already_exists",
      `Cannot make "${out}": it exists; remove it, or choose another with --out`,
    );
  }
  const terms = await authority.terms(VALID_DAYS);
  const { tls, sign } = await issueFleetCredentials({ fleet, kind: "host", name: host }, terms);
  const seal = await makeSealKeys();
  const text = joinFileText({
    fleet,
    host,
    nats,
    ca: terms.issuer.cert,
    tls,
    sign,
    sealKey: seal.privateKey,
  });
  // The keys are nowhere else, so nothing may speak of the host before they are on the disk.
  await writeNew(out, text, { mode: 0o600, force: false });
  if (old !== undefined) await deny(authority, old);
  await writeFleetHost(place, {
    host,
    labels,
    slots,
    tlsCert: tls.cert,
    signCert: sign.cert,
    sealKey: seal.publicKey,
    ...memberOf(old),
  });
  await writeNatsConf(place);
  return [
    `${printable(out)}  by which ${host} joins the fleet ${fleet}: its keys, so keep it secret`,
    "",
    `Next: ${reloadCommand(place)}`,
    `      ${shellWords(["scp", out, `${host}:`])}    and remove it here`,
    `      ${shellWords(["worker-daemon", "join", basename(out)])}    on ${host}`,
    "",
  ].join("\n");
}

/** With new keys it is still the same host. */
function memberOf(old: FleetHost | undefined): Pick<FleetHost, "member"> {
  if (old === undefined) return { member: crypto.randomUUID() };
  return old.member === undefined ? {} : { member: old.member };
}

async function list(
  { directory, json }: Extract<HostVerb, { action: "list" }>,
): Promise<string> {
  const place = await placeOf(directory);
  const hosts = await readFleetHosts(place);
  if (json) return hosts.map((host) => `${jsonLine(jsonOf(host))}\n`).join("");
  const rows = [
    ["NAME", "SLOTS", "UNTIL", "LABELS"],
    ...hosts.map((host) => [
      host.host,
      String(host.slots),
      validUntil(host).toISOString().slice(0, 10),
      printable(Object.entries(host.labels).map((pair) => pair.join("=")).join(",")) || "-",
    ]),
  ];
  const widths = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}\n`)
    .join("");
}

async function remove(
  verb: Extract<HostVerb, { action: "remove" }>,
): Promise<string> {
  const { host } = verb;
  const place = await placeOf(verb.directory);
  const { fleet } = await readFleetSettings(place);
  // Nobody else changes the fleet meanwhile.
  using authority = await openAuthority(verb);
  const old = (await readFleetHosts(place)).find((one) => one.host === host);
  if (old === undefined) {
    throw new JobWorkerError("not_found", `There is no host "${host}" in the fleet "${fleet}"`);
  }
  await deny(authority, old);
  await writeNatsConf(place, host);
  // Last: if this is interrupted, it can be done again.
  await removeFleetHost(place, host);
  return [
    `Removed ${host} from the fleet ${fleet}; what it runs goes on there`,
    "",
    `Next: ${reloadCommand(place)}`,
    "",
  ].join("\n");
}

/** Where the files of the fleet are. */
async function placeOf(directory: string): Promise<string> {
  const place = join(directory, FLEET_DIRECTORY);
  if (await isThere(join(place, FLEET_FILES.settings))) return place;
  throw failedPrecondition(
    `There is no hub in "${directory}": make one with \`worker-daemon init --hub\`, or pass its ` +
      "directory with --dir",
  );
}

async function openAuthority(
  { directory, caKey }: { directory: string; caKey: string },
): Promise<CertificateAuthority> {
  return await CertificateAuthority.open({
    directory: join(directory, "certs"),
    caKey,
    denyList: "",
  });
}

/** A certificate is of no use any more, wherever the deny list is known. */
async function deny(authority: CertificateAuthority, old: FleetHost): Promise<void> {
  const certificates = [old.tlsCert, old.signCert].map((pem) => new X509Certificate(pem));
  const day = new Date().toISOString().slice(0, 10);
  await authority.deny(certificates, `the host ${old.host}, removed ${day}`);
}

/** Has `nats.conf` let in all hosts, but for one that is about to go. */
async function writeNatsConf(place: string, without?: string): Promise<void> {
  const hosts = (await readFleetHosts(place)).filter(({ host }) => host !== without);
  const conf = natsConf({
    settings: await readFleetSettings(place),
    serverCert: await readText(join(place, FLEET_FILES.natsServerCert)),
    hubCert: await readText(join(place, FLEET_FILES.hubTlsCert)),
    hosts,
  });
  await writeNew(join(place, FLEET_FILES.natsConf), conf, { mode: 0o644, force: true });
}

async function readText(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch((error) => {
    throw failedPrecondition(`Cannot read "${path}": ${pathFaultOf(error)}`, error);
  });
}

/** How nats-server is told to read its configuration again. */
function reloadCommand(place: string): string {
  const pidFile = join(place, NATS_PID);
  const command = shellWords(["nats-server", "--signal", `reload=${pidFile}`]);
  return `${command}    or systemctl reload nats-server`;
}

/** Until when a host can connect and answer. */
function validUntil({ tlsCert, signCert }: FleetHost): Date {
  const ends = [tlsCert, signCert].map((pem) => new X509Certificate(pem).validToDate.getTime());
  return new Date(Math.min(...ends));
}

function jsonOf(host: FleetHost): unknown {
  const { host: name, labels, slots } = host;
  return { name, labels, slots, notAfter: validUntil(host).toISOString() };
}
