/**
 * The file by which a host joins a fleet: `worker-daemon host add` makes it, `worker-daemon join` puts it in its
 * place, and the daemon of the host reads it there. It holds the host's private keys.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { busUserOf, verifySigner } from "../auth/fleet_certificates.ts";
import { failedPrecondition, JobWorkerError, messageOf, pathFaultOf } from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import * as z from "../text/zod.ts";
import { fleetNameSchema, hostNameSchema, natsAddressSchema } from "./fleet_files.ts";

/** What a host needs to know of its fleet, and to be known there. Keys and certificates are PEM. */
export interface JoinFile {
  readonly fleet: string;
  readonly host: string;
  /** Where the servers of NATS are, each as `host:port`. */
  readonly nats: readonly string[];
  /** The CA of the fleet. */
  readonly ca: string;
  /** For the connection to NATS. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** For signing what it answers. */
  readonly sign: { readonly cert: string; readonly key: string };
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
 * Reads such a file. It may be one whose certificates have expired: see {@linkcode checkJoinFile}.
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

/**
 * Makes sure that a host can join by a file: the keys are those of the certificates, which the CA has signed for
 * this host of this fleet.
 *
 * @param time when the certificates must be valid, in milliseconds since the Unix epoch
 * @throws {JobWorkerError} `failed_precondition`, naming what is wrong
 */
export function checkJoinFile(path: string, file: JoinFile, time: number): void {
  try {
    const ca = certificateIn("ca", file.ca);
    if (!ca.ca) throw new Error("ca is not a CA certificate");
    checkPair("tls", file.tls);
    checkPair("sign", file.sign);
    checkTls(file, ca, time);
    checkSign(file, ca, time);
    if (keyIn("sealKey", file.sealKey).asymmetricKeyType !== "x25519") {
      throw new Error("sealKey is not an X25519 key");
    }
  } catch (error) {
    throw unusable(path, messageOf(error), error);
  }
}

function checkTls({ fleet, host, tls }: JoinFile, ca: X509Certificate, time: number): void {
  const certificate = certificateIn("tls.cert", tls.cert);
  const user = busUserOf({ fleet, kind: "host", name: host });
  if (certificate.subjectAltName !== `URI:${user}`) {
    throw new Error(`tls.cert is not for the host "${host}" of the fleet "${fleet}"`);
  }
  if (!certificate.verify(ca.publicKey)) throw new Error("tls.cert is not signed by ca");
  if (time < certificate.validFromDate.getTime()) {
    throw new Error(`tls.cert is not valid before ${certificate.validFromDate.toISOString()}`);
  }
  if (time > certificate.validToDate.getTime()) {
    throw new Error(`tls.cert expired on ${certificate.validToDate.toISOString()}`);
  }
}

function checkSign({ fleet, host, sign }: JoinFile, ca: X509Certificate, time: number): void {
  const { raw } = certificateIn("sign.cert", sign.cert);
  const verdict = verifySigner(raw, { trustedCas: [ca], denyList: new Set() }, time);
  if (verdict.kind === "refused") throw new Error(`sign.cert ${verdict.why}`);
  const { member } = verdict.signer;
  if (member.fleet === fleet && member.kind === "host" && member.name === host) return;
  throw new Error(`sign.cert is not for the host "${host}" of the fleet "${fleet}"`);
}

function checkPair(name: string, { cert, key }: JoinFile["tls"]): void {
  const isPair = certificateIn(`${name}.cert`, cert).checkPrivateKey(keyIn(`${name}.key`, key));
  if (!isPair) throw new Error(`${name}.key is not the key of ${name}.cert`);
}

function certificateIn(name: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${name} is not a PEM certificate`, { cause: error });
  }
}

function keyIn(name: string, pem: string) {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(`${name} is not a PEM private key`, { cause: error });
  }
}

function unusable(path: string, why: string, cause: unknown): JobWorkerError {
  return failedPrecondition(`Cannot use "${path}": ${why}`, cause);
}
