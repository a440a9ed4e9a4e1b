import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { type AuthorityPaths, CertificateAuthority } from "../../lib/auth/certificate_authority.ts";
import { makeCertificates } from "../../lib/auth/certificates.ts";
import { type Verdict, verifyClientCertificate } from "../../lib/auth/client_certificate.ts";
import { loadDenyListOf } from "../../lib/auth/deny_list.ts";
import type { Role } from "../../lib/auth/identity.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";

export const DAY_MS = 86_400_000;

/** A new set of certificates, to be changed. */
export class TestAuthority implements AsyncDisposable {
  readonly path: string;
  readonly #directory: AsyncDisposable;
  /** How many use the CA at this moment. */
  #using = 0;

  private constructor(directory: AsyncDisposable & { readonly path: string }) {
    this.path = directory.path;
    this.#directory = directory;
  }

  static async create(): Promise<TestAuthority> {
    const directory = await temporaryDirectory();
    await makeCertificates(directory.path);
    return new TestAuthority(directory);
  }

  /** Opens the CA, lets it be used and closes it, as each command does. */
  async with<T>(
    use: (authority: CertificateAuthority) => Promise<T>,
    paths: Partial<AuthorityPaths> = {},
  ): Promise<T> {
    const all = { directory: this.path, caKey: "", denyList: "", ...paths };
    // Without this check it would wait for ever for the one before.
    if (this.#using++ === 0) await this.#unlocked();
    try {
      using authority = await CertificateAuthority.open(all);
      return await use(authority);
    } finally {
      this.#using--;
    }
  }

  /** A child that another thread is just starting holds our locks, too, until it runs its program. */
  async #unlocked(): Promise<void> {
    using directory = await Deno.open(this.path);
    await until(() => directory.tryLock(true));
  }

  add(
    user: string,
    roles: readonly Role[] = ["operator"],
    days = 30,
  ): ReturnType<CertificateAuthority["add"]> {
    return this.with((authority) => authority.add({ user, roles, days }));
  }

  renew(
    name: string,
    options: { days: number; hosts?: readonly string[] } = { days: 90 },
  ): ReturnType<CertificateAuthority["renew"]> {
    return this.with((authority) => authority.renew(name, options));
  }

  revoke(user: string): ReturnType<CertificateAuthority["revoke"]> {
    return this.with((authority) => authority.revoke(user));
  }

  issued(): ReturnType<CertificateAuthority["issued"]> {
    return this.with((authority) => authority.issued());
  }

  read(name: string): Promise<string> {
    return Deno.readTextFile(join(this.path, name));
  }

  async certificate(name: string): Promise<X509Certificate> {
    return new X509Certificate(await this.read(name));
  }

  /** What a daemon with these files says of a client's certificate. */
  async verdictOf(certificate: X509Certificate): Promise<Verdict> {
    const ca = join(this.path, "ca-cert.pem");
    const trust = {
      trustedCas: [new X509Certificate(await Deno.readTextFile(ca))],
      denyList: await loadDenyListOf({ denyList: "", ca }),
    };
    return verifyClientCertificate([certificate.raw], trust, Date.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

export function refusal(words: RegExp, code = "failed_precondition"): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
}
