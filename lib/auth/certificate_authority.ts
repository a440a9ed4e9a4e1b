/**
 * Adds, renews and revokes single certificates with an existing CA.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { checkHost, CLOCK_SKEW } from "./certificates.ts";
import {
  addToDenyList,
  type DenyList,
  denyListBeside,
  isDenied,
  loadDenyList,
} from "./deny_list.ts";
import {
  failedPrecondition,
  invalidArgument,
  JobWorkerError,
  messageOf,
  pathFaultOf,
} from "../errors.ts";
import { isPlainName, type Role } from "./identity.ts";
import { type CertifiedKey, issueCertificate, renewCertificate } from "./issue_certificate.ts";
import { firstCertificate, type IssuedCertificate, readIssued, record } from "./issued.ts";
import { lockDirectory } from "./lock_directory.ts";
import { certsCommand, MAKE_CERTIFICATES } from "../text/command_hints.ts";
import { certificatePems, privateKeyBlocks, withFirstCertificate } from "./pem.ts";
import { quoted } from "../text/quoted.ts";
import { replaceFile } from "../files/replace_file.ts";

/** The paths of a CA and its files. */
export interface AuthorityPaths {
  readonly directory: string;
  /** `""`: `ca-key.pem` in the directory. */
  readonly caKey: string;
  /** `""`: `deny-list.txt` in the directory. */
  readonly denyList: string;
}

/** The certificate that {@linkcode CertificateAuthority.add} makes. */
export interface NewCertificate {
  readonly user: string;
  readonly roles: readonly Role[];
  readonly days: number;
}

/** Where `worker-daemon init` puts the CA of a server. */
const SERVER_DIRECTORY = "/etc/job-worker/certs";

const DAY_MS = 86_400_000;

/** Names that would clash with files of the CA, and the word for all certificates. */
const RESERVED = ["ca", "server", "client", "all"];

/** A file name can have 255 bytes, and a new file has a longer name at first. */
const MAX_FILE_NAME_BYTES = 200;

/** Reads the certificate of the CA. */
async function readCa({ directory }: AuthorityPaths): Promise<string> {
  const path = join(directory, "ca-cert.pem");
  const text = await readPem(
    path,
    "the certificate of the CA",
    `; pass the directory of the CA with --dir (on a server: ${SERVER_DIRECTORY}), ` +
      `or make a new CA with \`${MAKE_CERTIFICATES}\``,
  );
  const [pem] = certificatePems(text);
  if (pem !== undefined && new X509Certificate(pem).ca) return pem;
  throw failedPrecondition(`Cannot use "${path}": it is not a CA certificate`);
}

/**
 * The CA in a directory, which stays locked until the object is disposed of.
 */
export class CertificateAuthority implements Disposable {
  readonly #paths: AuthorityPaths;
  readonly #cert: string;
  readonly #lock: Disposable;

  private constructor(paths: AuthorityPaths, cert: string, lock: Disposable) {
    this.#paths = paths;
    this.#cert = cert;
    this.#lock = lock;
  }

  /** @throws {JobWorkerError} `failed_precondition` if there is no CA in the directory */
  static async open(paths: AuthorityPaths): Promise<CertificateAuthority> {
    // Without a CA, say what to do rather than that there is nothing to lock.
    await readCa(paths);
    const lock = await lockDirectory(paths.directory);
    try {
      // Somebody may have replaced it in the meantime.
      return new CertificateAuthority(paths, await readCa(paths), lock);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** All certificates that the CA has issued, see {@linkcode readIssued}. */
  async issued(): Promise<readonly IssuedCertificate[]> {
    const ca = new X509Certificate(this.#cert);
    return await readIssued(this.#paths.directory, ca, await this.#denied());
  }

  /** Where {@linkcode revoke} writes. */
  get denyList(): string {
    const { denyList, directory } = this.#paths;
    return denyList || denyListBeside(join(directory, "ca-cert.pem"));
  }

  /**
   * Makes a key and a certificate for a user.
   *
   * @returns their paths
   * @throws {JobWorkerError} `invalid_argument` for a name that cannot be used, `already_exists` if the
   * user has a valid certificate
   */
  async add({ user, roles, days }: NewCertificate): Promise<{ cert: string; key: string }> {
    checkUser(user);
    const terms = await this.terms(days);
    const issued = await this.#recorded();
    const now = Date.now();
    const good = issued.find((one) =>
      one.kind === "client" && one.name === user && !one.denied && one.notAfter > now
    );
    if (good !== undefined) {
      throw new JobWorkerError(
        "already_exists",
        `"${user}" already has a certificate, valid until ${dateOf(good.notAfter)}: ` +
          `renew it (\`${this.#command("renew", user)}\`), or revoke it first ` +
          `(\`${this.#command("revoke", user)}\`)`,
      );
    }
    const cert = join(this.#paths.directory, `${user}-cert.pem`);
    const key = join(this.#paths.directory, `${user}-key.pem`);
    await checkFree(cert, key, issued.filter(({ name }) => name === user));
    const made = await issueCertificate({
      subject: [...roles.map((role) => ["O", role] as const), ["CN", user]],
      usages: ["clientAuth"],
      ...terms,
    });
    // The record comes first, and the certificate last: it is of no use without the key.
    await record(this.#paths.directory, made.cert);
    await put(key, made.key, 0o600);
    await put(cert, made.cert, 0o644);
    return { cert, key };
  }

  /**
   * Makes new certificates for the keys of the old ones. So each file that is replaced matches its key at
   * all times, and a user who has taken the key away only needs the certificate. The old certificates
   * stay valid until they expire.
   *
   * @param name a user, `server`, or `all` for every certificate that has not expired
   * @param options.hosts names and addresses of the server, in addition to those that it has
   * @returns the certificates that were renewed, and the paths of the new ones
   * @throws {JobWorkerError} `invalid_argument` for hosts if no certificate of a server is renewed
   */
  async renew(
    name: string,
    { days, hosts = [] }: { days: number; hosts?: readonly string[] },
  ): Promise<readonly { readonly path: string; readonly of: IssuedCertificate }[]> {
    hosts.forEach(checkHost);
    const terms = await this.terms(days);
    const old = newestOf(await this.#recorded(), name, this.#paths.directory);
    if (hosts.length > 0 && !old.some(({ kind }) => kind === "server")) {
      throw invalidArgument(
        `Cannot renew ${JSON.stringify(name)} with --host: only the certificate of the ` +
          `server has host names, \`${this.#command("renew", "server", "--host", "NAME")}\``,
      );
    }
    const written: { path: string; of: IssuedCertificate }[] = [];
    for (const one of old) {
      const pem = await renewCertificate(one.pem, {
        ...(one.kind === "server" && hosts.length > 0 && { hosts }),
        ...terms,
      });
      await record(this.#paths.directory, pem);
      for (const path of await this.#pathsOf(one)) {
        const text = await Deno.readTextFile(path).catch(() => pem);
        await put(path, withFirstCertificate(text, pem), 0o644);
        written.push({ path, of: one });
      }
    }
    return written;
  }

  /**
   * Puts all certificates of a user that have not expired on the deny list.
   *
   * @returns those that were not yet on it
   * @throws {JobWorkerError} `failed_precondition` if there are none
   */
  async revoke(user: string): Promise<readonly IssuedCertificate[]> {
    const now = Date.now();
    const all = (await this.#recorded()).filter((one) =>
      one.kind === "client" && one.name === user && one.notAfter >= now
    );
    if (all.length === 0) throw unknownName(user, this.#paths.directory, this.denyList);
    const fresh = all.filter(({ denied }) => !denied);
    if (fresh.length > 0) {
      const serialNumbers = fresh.map(({ serialNumber }) => serialNumber);
      await addToDenyList(this.denyList, serialNumbers, `${user}, revoked ${dateOf(now)}`);
    }
    return fresh;
  }

  /**
   * Puts certificates on the deny list.
   *
   * @param comment for each of them
   */
  async deny(certificates: readonly X509Certificate[], comment: string): Promise<void> {
    const denied = await this.#denied();
    const fresh = certificates.map(({ serialNumber }) => serialNumber.toLowerCase())
      .filter((serialNumber) => !isDenied(denied, serialNumber, ""));
    if (fresh.length > 0) await addToDenyList(this.denyList, fresh, comment);
  }

  /** What a new certificate takes from the CA: who signs it, and when it begins and ends. */
  async terms(days: number): Promise<{ issuer: CertifiedKey; notBefore: Date; notAfter: Date }> {
    return { issuer: await this.#signer(), ...this.#dates(days) };
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  /** A command line for the user to run. */
  #command(...words: string[]): string {
    return certsCommand(words, this.#paths.directory);
  }

  async #denied(): Promise<DenyList> {
    return await loadDenyList(this.denyList, { optional: this.#paths.denyList === "" });
  }

  /**
   * Does the same as {@linkcode issued}, and records what is not yet recorded: files may be taken
   * away.
   */
  async #recorded(): Promise<readonly IssuedCertificate[]> {
    const issued = await this.issued();
    for (const { recorded, pem } of issued) {
      if (!recorded) await record(this.#paths.directory, pem);
    }
    return issued;
  }

  async #signer(): Promise<CertifiedKey> {
    const path = this.#paths.caKey || join(this.#paths.directory, "ca-key.pem");
    const text = await readPem(path, "the key of the CA", "; give --ca-key if it is elsewhere");
    const ca = new X509Certificate(this.#cert);
    const [block] = privateKeyBlocks(text);
    if (block === undefined || block.encrypted) {
      throw failedPrecondition(
        `Cannot use "${path}": it is not a PEM private key without a passphrase`,
      );
    }
    try {
      if (ca.checkPrivateKey(createPrivateKey(block.pem))) {
        return { cert: this.#cert, key: block.pem };
      }
    } catch (error) {
      throw failedPrecondition(`Cannot use "${path}": ${messageOf(error)}`, error);
    }
    throw failedPrecondition(
      `"${path}" is not the private key of the CA in "${this.#paths.directory}"`,
    );
  }

  /** From now, with some allowance for clocks, until the end, which is not after that of the CA. */
  #dates(days: number): { notBefore: Date; notAfter: Date } {
    const now = Date.now();
    const end = new X509Certificate(this.#cert).validToDate.getTime();
    if (end <= now) {
      throw failedPrecondition(
        `The CA expired on ${dateOf(end)}: make a new CA and new certificates with ` +
          `\`${this.#command("--force")}\``,
      );
    }
    return {
      notBefore: new Date(now - CLOCK_SKEW),
      notAfter: new Date(Math.min(now + days * DAY_MS, end)),
    };
  }

  /** The files with a certificate for the key of this one, or else the path for a new file. */
  async #pathsOf({ kind, name, publicKey }: IssuedCertificate): Promise<readonly string[]> {
    const same = (await this.issued()).filter((one) => one.publicKey === publicKey);
    const paths = same.flatMap(({ paths }) => paths);
    if (paths.length > 0) return paths;
    const base = kind === "server" ? "server" : name;
    return [join(this.#paths.directory, `${base}-cert.pem`)];
  }
}

/** The certificates to renew: for each name, the newest one that is not on the deny list. */
function newestOf(
  issued: readonly IssuedCertificate[],
  name: string,
  directory: string,
): readonly IssuedCertificate[] {
  const now = Date.now();
  const matching = issued.filter((one) =>
    name === "all"
      ? one.notAfter > now
      : name === "server"
      ? one.kind === "server"
      : one.kind === "client" && one.name === name
  );
  if (matching.length === 0) throw unknownName(name, directory);
  const good = matching.filter(({ denied }) => !denied);
  if (good.length === 0 && name !== "all") {
    throw failedPrecondition(
      `"${name}" is on the deny list: make a new key and certificate with ` +
        `\`${certsCommand(["add", name, "--role", "ROLE"], directory)}\``,
    );
  }
  // The newest certificate of a name comes first.
  return good.filter((one, index) =>
    good.findIndex((other) => other.kind === one.kind && other.name === one.name) === index
  );
}

function checkUser(user: string): void {
  const isFileName = !/^[.-]|\//.test(user) && !RESERVED.includes(user) &&
    new TextEncoder().encode(user).length <= MAX_FILE_NAME_BYTES;
  if (isPlainName(user) && isFileName) return;
  throw invalidArgument(
    `Cannot make a certificate for ${quoted(user)}: a user name must have 1 to 64 visible ` +
      `characters, no /, and no . or - at its start, and must not be any of ${RESERVED.join(", ")}`,
  );
}

/** Only files of the same user may be replaced, whose certificate is no longer valid. */
async function checkFree(
  cert: string,
  key: string,
  own: readonly IssuedCertificate[],
): Promise<void> {
  const there = await Promise.all(
    [cert, key].map((path) => Deno.lstat(path).then(() => true, () => false)),
  );
  if (!there.includes(true)) return;
  const shown = (await firstCertificate(cert))?.fingerprint256.replaceAll(":", "").toLowerCase();
  if (own.some(({ fingerprint }) => fingerprint === shown)) return;
  const taken = [cert, key].filter((_, index) => there[index]);
  throw new JobWorkerError(
    "already_exists",
    `Cannot make certificates: ${taken.join(", ")} would be overwritten; move it out of the way`,
  );
}

function unknownName(name: string, directory: string, denyList?: string): JobWorkerError {
  const list = certsCommand(["list"], directory);
  const remedy = denyList === undefined
    ? `see \`${list}\``
    : `see \`${list}\`; to revoke a certificate that it does not list, add its serial ` +
      `number, or its fingerprint from audit.log, to "${denyList}"`;
  return failedPrecondition(`There is no certificate for "${name}" here: ${remedy}`);
}

async function readPem(path: string, what: string, remedy = ""): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : pathFaultOf(error);
    throw failedPrecondition(`Cannot read ${what}, "${path}": ${why}${remedy}`, error);
  }
}

async function put(path: string, text: string, mode: number): Promise<void> {
  try {
    await replaceFile(path, text, { mode, keepMode: mode !== 0o600 });
  } catch (error) {
    throw failedPrecondition(`Cannot write "${path}": ${pathFaultOf(error)}`, error);
  }
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
