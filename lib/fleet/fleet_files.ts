/**
 * The files of a fleet at its hub, in `fleet/` beside its configuration. No private key of a host is among them.
 *
 * @module
 */

import { join } from "node:path";
import { FLEET_NAME, MEMBER_NAME } from "../auth/fleet_certificates.ts";
import { failedPrecondition, JobWorkerError, messageOf, pathFaultOf } from "../errors.ts";
import { flushDirectory } from "../files/flush.ts";
import { replaceFile } from "../files/replace_file.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { checkLabels } from "../job/labels.ts";
import { parseHostPort } from "../net/host_port.ts";
import * as z from "../text/zod.ts";

/** Where they are, relative to the directory of the hub. */
export const FLEET_DIRECTORY = "fleet";

/** The names of the files, but for those of hosts, which are `hosts/NAME.json`. */
export const FLEET_FILES = {
  settings: "fleet.json",
  ca: "ca-cert.pem",
  hubTlsCert: "hub-tls-cert.pem",
  hubTlsKey: "hub-tls-key.pem",
  hubSignCert: "hub-sign-cert.pem",
  hubSignKey: "hub-sign-key.pem",
  natsServerCert: "nats-server-cert.pem",
  natsServerKey: "nats-server-key.pem",
  natsConf: "nats.conf",
  hosts: "hosts",
} as const;

/** What `fleet.json` says. */
export interface FleetSettings {
  readonly fleet: string;
  /** The name of the hub. */
  readonly hub: string;
  /** Where the servers of NATS are, each as `host:port`. */
  readonly nats: readonly string[];
}

/** What the hub knows of a host before that has said a word. */
export interface FleetHost {
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How many jobs of the fleet may run there at once. */
  readonly slots: number;
  /** The certificates with which it connects to NATS, and signs: PEM. */
  readonly tlsCert: string;
  readonly signCert: string;
  /** The public key to which calls are sealed: X25519, its 32 bytes as base64. */
  readonly sealKey: string;
  /** Tells it from those that had its name before; of a host that was added before there was one it is not there. */
  readonly member?: string;
}

/** How many slots a host may have. */
export const MAX_SLOTS = 1_000_000;

const VERSION = 1;

export const fleetNameSchema = z.string()
  .regex(FLEET_NAME, "must be 1 to 32 of a-z, 0-9 and -");

export const hostNameSchema = z.string()
  .regex(MEMBER_NAME, "must be 1 to 63 of a-z, 0-9 and -");

export const slotsSchema = z.int(`must be a whole number from 1 to ${MAX_SLOTS}`)
  .min(1, `must be a whole number from 1 to ${MAX_SLOTS}`)
  .max(MAX_SLOTS, `must be a whole number from 1 to ${MAX_SLOTS}`);

/** Where a server of NATS is. */
export const natsAddressSchema = z.string().refine(
  (text) => (parseHostPort(text)?.port ?? 0) > 0,
  "must be host:port, such as hub.example:4222",
);

const settingsSchema = z.strictObject({
  version: z.literal(VERSION),
  fleet: fleetNameSchema,
  hub: hostNameSchema,
  nats: z.array(natsAddressSchema).min(1),
});

const hostSchema = z.strictObject({
  version: z.literal(VERSION),
  host: hostNameSchema,
  labels: z.record(z.string(), z.string()),
  slots: slotsSchema,
  tlsCert: z.string(),
  signCert: z.string(),
  sealKey: z.base64(),
  member: z.string().max(64).exactOptional(),
});

/**
 * Reads `fleet.json`.
 *
 * @param directory `fleet/` of the hub
 * @throws {JobWorkerError} `failed_precondition` if it cannot be read, others may change it, or it says nonsense
 */
export async function readFleetSettings(directory: string): Promise<FleetSettings> {
  const path = join(directory, FLEET_FILES.settings);
  const { version: _, ...settings } = await readJson(path, settingsSchema);
  return settings;
}

export async function writeFleetSettings(
  directory: string,
  settings: FleetSettings,
): Promise<void> {
  await writeJson(join(directory, FLEET_FILES.settings), { version: VERSION, ...settings });
}

/**
 * Reads what is known of all hosts, in the order of their names.
 *
 * @param directory `fleet/` of the hub
 * @throws {JobWorkerError} as {@linkcode readFleetSettings}
 */
export async function readFleetHosts(directory: string): Promise<readonly FleetHost[]> {
  const place = join(directory, FLEET_FILES.hosts);
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(place)) {
      if (name.endsWith(".json")) names.push(name.slice(0, -".json".length));
    }
  } catch (error) {
    throw failedPrecondition(`Cannot read "${place}": ${pathFaultOf(error)}`, error);
  }
  const hosts: FleetHost[] = [];
  for (const name of names.toSorted()) hosts.push(await readFleetHost(directory, name));
  return hosts;
}

async function readFleetHost(directory: string, name: string): Promise<FleetHost> {
  const path = hostPath(directory, name);
  const { version: _, ...host } = await readJson(path, hostSchema);
  try {
    checkLabels(host.labels);
  } catch (error) {
    throw unusable(path, messageOf(error));
  }
  if (host.host === name) return host;
  throw unusable(path, `it is about the host "${host.host}"`);
}

export async function writeFleetHost(directory: string, host: FleetHost): Promise<void> {
  await writeJson(hostPath(directory, host.host), { version: VERSION, ...host });
}

export async function removeFleetHost(directory: string, name: string): Promise<void> {
  const path = hostPath(directory, name);
  try {
    await Deno.remove(path);
    await flushDirectory(join(directory, FLEET_FILES.hosts));
  } catch (error) {
    throw failedPrecondition(`Cannot remove "${path}": ${pathFaultOf(error)}`, error);
  }
}

/** Where what is known of a host stands. */
export function hostPath(directory: string, name: string): string {
  return join(directory, FLEET_FILES.hosts, `${name}.json`);
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  try {
    return z.read(schema, JSON.parse(await readTrustedFile(path)), "content");
  } catch (error) {
    throw unusable(path, pathFaultOf(error), error);
  }
}

function unusable(path: string, why: string, cause?: unknown): JobWorkerError {
  return failedPrecondition(`Cannot use "${path}": ${why}`, cause);
}

async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await replaceFile(path, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o644 });
  } catch (error) {
    throw failedPrecondition(`Cannot write "${path}": ${pathFaultOf(error)}`, error);
  }
}
