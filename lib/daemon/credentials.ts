/**
 * What the daemon's files say of who it is and whom it trusts. The engine reads and checks them; a gateway gets
 * what is in them over its pipe, so that it need not be able to read any of them, least of all the key.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { loadDenyListOf } from "../auth/deny_list.ts";
import { ROLES } from "../auth/identity.ts";
import { loadPasswordFile, type PasswordFile } from "../auth/password_file.ts";
import { certificatePems } from "../auth/pem.ts";
import { loadServerMaterial } from "../auth/server_certificate.ts";
import type { TlsMaterial } from "../auth/tls_material.ts";
import type { DaemonOptions } from "../config/options.ts";
import { failedPrecondition } from "../errors.ts";
import { formatByteSize } from "../text/byte_size.ts";
import * as z from "../text/zod.ts";

/** The options that name the files. */
export type CredentialFiles = Pick<
  DaemonOptions,
  "cert" | "key" | "ca" | "denyList" | "restAddress" | "users"
>;

/** The contents of the files, which have been checked. */
export const credentialsSchema = z.object({
  /** Where `cert` was, for messages. */
  certPath: z.string(),
  /** PEM, as `TlsMaterial` has them. */
  cert: z.string(),
  key: z.string(),
  ca: z.string(),
  /** When `cert` expires, in milliseconds since the Unix epoch. */
  notAfter: z.number(),
  denyList: z.array(z.string()),
  /** `null`: there is no such file, or no REST. */
  users: z.array(
    z.object({ user: z.string(), hash: z.string(), roles: z.array(z.enum(ROLES)).readonly() }),
  ).nullable(),
});

export type Credentials = Readonly<z.infer<typeof credentialsSchema>>;

/** How long all of it may be as JSON, so that a gateway can bound what it reads: some 300,000 denied serial numbers. */
export const MAX_CREDENTIALS_CHARACTERS = 16 * 1024 * 1024;

/**
 * Reads the files and checks what is in them.
 *
 * @throws {JobWorkerError} `failed_precondition` with the first file that is wrong
 */
export async function readCredentials(files: CredentialFiles): Promise<Credentials> {
  const { cert, key, ca, notAfter } = await loadServerMaterial(files);
  const denyList = [...await loadDenyListOf(files)];
  const users = files.restAddress === null ? null : await loadPasswordFile(files.users);
  const credentials = {
    certPath: files.cert,
    cert,
    key,
    ca,
    notAfter,
    denyList,
    users: users && [...users.values()].map((entry) => ({ ...entry, roles: [...entry.roles] })),
  };
  const { length } = JSON.stringify(credentials);
  if (length > MAX_CREDENTIALS_CHARACTERS) {
    const [size, max] = [length, MAX_CREDENTIALS_CHARACTERS].map(formatByteSize);
    throw failedPrecondition(
      `Cannot use the certificates, the deny list and the users file: together they are ${size}, and at most ` +
        `${max} are possible; remove from the deny list what has expired`,
    );
  }
  return credentials;
}

/** The users in these credentials. */
export function passwordFileOf({ users }: Credentials): PasswordFile {
  return new Map(users?.map((entry) => [entry.user, entry]));
}

/** The TLS material in these credentials. */
export function tlsMaterialOf({ cert, key, ca, notAfter }: Credentials): TlsMaterial {
  const trustedCas = certificatePems(ca).map((pem) => new X509Certificate(pem));
  return { cert, key, ca, trustedCas, notAfter };
}
