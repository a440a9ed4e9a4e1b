/**
 * Makes the certificates that a new installation needs.
 *
 * @module
 */

import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { flushDirectory } from "../files/flush.ts";
import {
  failedPrecondition,
  invalidArgument,
  JobWorkerError,
  messageOf,
  pathFaultOf,
} from "../errors.ts";
import { record } from "./issued.ts";
import { type CertifiedKey, issueCertificate } from "./issue_certificate.ts";
import { lockDirectory } from "./lock_directory.ts";
import { certsCommand } from "../text/command_hints.ts";
import { createFile } from "../files/replace_file.ts";

/** A file that {@linkcode makeCertificates} has written. */
export interface WrittenFile {
  readonly path: string;
  /** A short description of its content. */
  readonly content: string;
}

/** Options of {@linkcode makeCertificates}. */
export interface MakeCertificatesOptions {
  /** Names and IP addresses of the server, in addition to {@linkcode LOCAL_HOSTS}. */
  readonly hosts?: readonly string[];
  /** Replace existing files: whatever the old CA has signed is then worthless. */
  readonly force?: boolean;
}

/** The hosts that every server certificate is valid for. */
export const LOCAL_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "::1", "0.0.0.0"];

const MINUTE = 60_000;
const YEAR = 365 * 24 * 60 * MINUTE;
/** How far the clocks of two machines may be apart. */
export const CLOCK_SKEW = 5 * MINUTE;

/**
 * Makes a CA (10 years), a server certificate and three client certificates (1 year), one for each
 * role. `client-cert.pem`, which the CLI uses by default, is the admin's.
 *
 * Only their owner can read private keys, from the moment they exist. Either all files are written or,
 * as far as the file system lets us, none.
 *
 * @returns the files that were written
 * @throws {JobWorkerError} `already_exists` if one of the files exists and `force` is not set,
 * `invalid_argument` for a host that is neither a name nor an address, `failed_precondition` if the
 * directory cannot be written to.
 */
export async function makeCertificates(
  directory: string,
  options: MakeCertificatesOptions = {},
): Promise<readonly WrittenFile[]> {
  const { hosts = [], force = false } = options;
  hosts.forEach(checkHost);
  const files = (await issueSet([...new Set([...LOCAL_HOSTS, ...hosts])])).map(
    ({ name, ...file }) => ({ path: join(directory, name), ...file }),
  );
  await Deno.mkdir(directory, { recursive: true }).catch((error) => {
    throw failedPrecondition(
      `Cannot create the directory "${directory}": ${pathFaultOf(error)}`,
      error,
    );
  });
  using _lock = await lockDirectory(directory);
  await checkPaths(files.map((file) => file.path), { directory, force });
  await writeAll(files, force);
  for (const { path, pem } of files) {
    if (/(?<!ca)-cert\.pem$/.test(path)) await record(directory, pem);
  }
  return files.map(({ path, content }) => ({ path, content }));
}

interface NewFile extends WrittenFile {
  readonly pem: string;
  readonly mode: number;
}

async function issueSet(hosts: readonly string[]) {
  const now = Date.now();
  const notBefore = new Date(now - CLOCK_SKEW);
  const leaf = { notBefore, notAfter: new Date(now + YEAR) };
  const issuer = await issueCertificate({
    subject: [["CN", "Job Worker CA"]],
    ca: true,
    notBefore,
    notAfter: new Date(now + 10 * YEAR),
  });
  const issueClient = (role: string) =>
    issueCertificate({
      subject: [["O", role], ["CN", role]],
      issuer,
      usages: ["clientAuth"],
      ...leaf,
    });
  const server = await issueCertificate({
    subject: [["CN", "worker-daemon"]],
    issuer,
    usages: ["serverAuth"],
    hosts,
    ...leaf,
  });
  return [
    ...pair("ca", "the CA", issuer),
    ...pair("server", `the server ${hosts.join(", ")}`, server),
    ...pair("client", 'the client "admin", who may do everything', await issueClient("admin")),
    ...pair(
      "operator",
      'the client "operator", who may start jobs, and stop their own',
      await issueClient("operator"),
    ),
    ...pair("viewer", 'the client "viewer", who may see everything', await issueClient("viewer")),
  ];
}

function pair(name: string, owner: string, { cert, key }: CertifiedKey) {
  return [
    { name: `${name}-cert.pem`, content: `certificate of ${owner}`, pem: cert, mode: 0o644 },
    { name: `${name}-key.pem`, content: `private key of ${owner}`, pem: key, mode: 0o600 },
  ];
}

/** A host name as in RFC 1123 §2.1. */
const HOST_NAME = /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i;

/** @throws {JobWorkerError} `invalid_argument` for what is neither a DNS name nor an IP address */
export function checkHost(host: string): void {
  // A certificate has no room for the zone of an address (fe80::1%eth0).
  if (isIP(host) !== 0 && !host.includes("%")) return;
  if (HOST_NAME.test(host) && host.length <= 253) return;
  throw invalidArgument(
    `Cannot make a certificate for the host ${JSON.stringify(host)}: ` +
      "give a DNS name or an IP address, without a port",
  );
}

function alternatives(directory: string): string {
  const [add, renew, force] = [["add", "NAME", "--role", "ROLE"], ["renew"], ["--force"]]
    .map((words) => `\`${certsCommand(words, directory)}\``);
  return `${add} makes a certificate for another user, ${renew} renews certificates, ` +
    `and ${force} replaces every certificate and key`;
}

async function checkPaths(
  paths: readonly string[],
  { directory, force }: { directory: string; force: boolean },
): Promise<void> {
  const taken: string[] = [];
  for (const path of paths) {
    try {
      const { isDirectory } = await Deno.lstat(path);
      if (isDirectory || !force) taken.push(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        throw failedPrecondition(`Cannot check "${path}": ${messageOf(error)}`, error);
      }
    }
  }
  if (taken.length > 0) {
    throw new JobWorkerError(
      "already_exists",
      `Cannot make certificates: ${taken.join(", ")} would be overwritten; ` +
        (force ? "move it out of the way" : alternatives(directory)),
    );
  }
}

/**
 * Writes the files: under their own names if those are free; otherwise under others, to be renamed
 * at the end.
 */
async function writeAll(files: readonly NewFile[], force: boolean): Promise<void> {
  const suffix = force ? `.${crypto.randomUUID()}` : "";
  const written: string[] = [];
  try {
    for (const { path, pem, mode } of files) {
      await createFile(path + suffix, pem, mode);
      written.push(path + suffix);
    }
    if (force) { for (const { path } of files) await Deno.rename(path + suffix, path); }
    for (const directory of new Set(files.map(({ path }) => dirname(path)))) {
      await flushDirectory(directory);
    }
  } catch (error) {
    for (const path of written) await remove(path);
    // Users only know the final names.
    const why = suffix === "" ? messageOf(error) : messageOf(error).replaceAll(suffix, "");
    throw failedPrecondition(`Cannot write certificates: ${why}`, error);
  }
}

async function remove(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
}
