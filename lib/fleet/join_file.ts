/**
 * The file by which a host joins a fleet: `worker-daemon host add` makes it, `worker-daemon join` puts it in its
 * place, and the daemon of the host reads it there. It holds the host's private keys.
 *
 * @module
 */

import { failedPrecondition, JobWorkerError, messageOf, pathFaultOf } from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import * as z from "../text/zod.ts";
import { fleetNameSchema, hostNameSchema, natsAddressSchema } from "./fleet_files.ts";
import {
  checkCredentials,
  type CredentialNames,
  datesFault,
  keyIn,
  type MemberCredentials,
} from "./member_credentials.ts";

/** What a host needs to know of its fleet, and to be known there. Keys and certificates are PEM. */
export interface JoinFile extends MemberCredentials {
  readonly fleet: string;
  readonly host: string;
  /** Where the servers of NATS are, each as `host:port`. */
  readonly nats: readonly string[];
  /** The private key that opens what is sealed to it, X25519. */
  readonly sealKey: string;
}

const VERSION = 1;

const certifiedKeySchema = z.strictObject({ cert: z.string(), key: z.string() });

// What is wrong with a key is found out later: a message about a field would repeat what is in it.
const schema = z.strictObject({
  version: z.literal(VERSION),
  fleet: fleetNameSchema,
  host: hostNameSchema,
  nats: z.array(natsAddressSchema).min(1),
  ca: z.string(),
  tls: certifiedKeySchema,
  sign: certifiedKeySchema,
  sealKey: z.string(),
});

export function joinFileText(file: JoinFile): string {
  return `${JSON.stringify({ version: VERSION, ...file }, null, 2)}\n`;
}

/**
 * Reads such a file. It may be one whose certificates have expired: see {@linkcode joinDatesFault}.
 *
 * @throws {JobWorkerError} `failed_precondition` if it cannot be read, others than its owner may read it, or it is
 * no such file
 */
export async function readJoinFile(path: string): Promise<JoinFile> {
  try {
    const text = await readTrustedFile(path);
    const { mode } = await Deno.stat(path);
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new Error(`others than its owner may read its keys; run \`chmod 600 ${path}\``);
    }
    const { version: _, ...file } = z.read(schema, parsed(text), "content");
    return file;
  } catch (error) {
    throw unusable(path, pathFaultOf(error), error);
  }
}

/** The parser's own message would repeat what is in the file. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is not JSON, or not all of it is here");
  }
}

/** What the parts of such a file are called. */
const NAMES: CredentialNames = {
  ca: "ca",
  tlsCert: "tls.cert",
  tlsKey: "tls.key",
  signCert: "sign.cert",
  signKey: "sign.key",
};

/**
 * Makes sure that a file is about one host: the keys are those of the certificates, which the CA has signed for this
 * host of this fleet. That they were good once is enough: see {@linkcode joinDatesFault}.
 *
 * @throws {JobWorkerError} `failed_precondition`, naming what is wrong
 */
export function checkJoinFile(path: string, file: JoinFile): void {
  try {
    checkCredentials({ fleet: file.fleet, kind: "host", name: file.host }, file, NAMES);
    if (keyIn("sealKey", file.sealKey).asymmetricKeyType !== "x25519") {
      throw new Error("sealKey is not an X25519 key");
    }
  } catch (error) {
    throw unusable(path, messageOf(error), error);
  }
}

/**
 * Says why a host cannot be in its fleet at a time by a file that {@linkcode checkJoinFile} has found to be in order.
 *
 * @param time in milliseconds since the Unix epoch
 * @returns such as `"tls.cert expired on 2027-01-01T00:00:00.000Z"`; `null` if it can
 */
export function joinDatesFault(file: JoinFile, time: number): string | null {
  return datesFault(file, NAMES, time);
}

function unusable(path: string, why: string, cause: unknown): JobWorkerError {
  return failedPrecondition(`Cannot use "${path}": ${why}`, cause);
}
