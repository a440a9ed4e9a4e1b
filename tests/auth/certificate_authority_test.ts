import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { type AuthorityPaths, CertificateAuthority } from "../../lib/auth/certificate_authority.ts";
import { makeCertificates } from "../../lib/auth/certificates.ts";
import { verifyClientCertificate } from "../../lib/auth/client_certificate.ts";
import { denyListOf, loadDenyList, loadDenyListOf } from "../../lib/auth/deny_list.ts";
import type { Role } from "../../lib/auth/identity.ts";
import { issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { readIssued, record } from "../../lib/auth/issued.ts";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { x509 } from "../../lib/auth/x509.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { issueAuthority } from "../certificates.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const DAY_MS = 86_400_000;

/** A new set of certificates, to be changed. */
class Fixture implements AsyncDisposable {
  readonly path: string;
  readonly #directory: AsyncDisposable;
  /** How many use the CA at this moment. */
  #using = 0;

  private constructor(directory: AsyncDisposable & { readonly path: string }) {
    this.path = directory.path;
    this.#directory = directory;
  }

  static async create(): Promise<Fixture> {
    const directory = await temporaryDirectory();
    await makeCertificates(directory.path);
    return new Fixture(directory);
  }

  /** Opens the CA, lets it be used and closes it, as each command does. */
  async with<T>(
    use: (authority: CertificateAuthority) => Promise<T>,
    paths: Partial<AuthorityPaths> = {},
  ): Promise<T> {
    const all = { directory: this.path, caKey: "", denyList: "", ...paths };
    // Or it would wait for ever for the one before.
    if (this.#using++ === 0) this.#checkUnlocked();
    try {
      using authority = await CertificateAuthority.open(all);
      return await use(authority);
    } finally {
      this.#using--;
    }
  }

  #checkUnlocked(): void {
    using directory = Deno.openSync(this.path);
    assert.ok(directory.tryLockSync(true), "The lock was not let go");
  }

  add(user: string, roles: readonly Role[] = ["operator"], days = 30) {
    return this.with((authority) => authority.add({ user, roles, days }));
  }

  renew(name: string, options: { days: number; hosts?: readonly string[] } = { days: 90 }) {
    return this.with((authority) => authority.renew(name, options));
  }

  revoke(user: string) {
    return this.with((authority) => authority.revoke(user));
  }

  issued() {
    return this.with((authority) => authority.issued());
  }

  read(name: string): Promise<string> {
    return Deno.readTextFile(join(this.path, name));
  }

  async certificate(name: string): Promise<X509Certificate> {
    return new X509Certificate(await this.read(name));
  }

  /** What a daemon with these files says of a client's certificate. */
  async verdictOf(certificate: X509Certificate) {
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

function refusal(words: RegExp, code = "failed_precondition"): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
}

Deno.test("CertificateAuthority.add() makes a certificate that the daemon accepts, and a key for its owner", async () => {
  await using fixture = await Fixture.create();
  const { cert, key } = await fixture.add("Zoë Müller", ["operator", "viewer"], 30);
  assert.equal(cert, join(fixture.path, "Zoë Müller-cert.pem"));
  const certificate = new X509Certificate(await Deno.readTextFile(cert));
  const verdict = await fixture.verdictOf(certificate);
  assert.ok(verdict.kind === "accepted");
  assert.deepEqual(verdict.client.identity, { user: "Zoë Müller", roles: ["operator", "viewer"] });
  const days = (certificate.validToDate.getTime() - Date.now()) / DAY_MS;
  assert.ok(days > 29.9 && days <= 30, `${days}`);
  // Good already where the clock is a few minutes behind.
  const sinceMs = Date.now() - certificate.validFromDate.getTime();
  assert.ok(sinceMs >= 5 * 60_000 && sinceMs < DAY_MS, `${sinceMs}`);
  assert.equal(((await Deno.stat(key)).mode ?? 0) & 0o777, 0o600);
  assert.equal(((await Deno.stat(cert)).mode ?? 0) & 0o777, 0o644);
  await loadTlsMaterial({ cert, key, ca: join(fixture.path, "ca-cert.pem") }, "client");
});

Deno.test("CertificateAuthority.issued() knows what was issued when the files are gone", async () => {
  await using fixture = await Fixture.create();
  const { cert, key } = await fixture.add("alice");
  for (const path of [cert, key, join(fixture.path, "viewer-cert.pem")]) await Deno.remove(path);
  const issued = await fixture.issued();
  assert.deepEqual(
    issued.map(({ kind, name, roles, denied }) => [kind, name, roles.join(), denied]),
    [
      ["server", "worker-daemon", "", false],
      ["client", "admin", "admin", false],
      ["client", "alice", "operator", false],
      ["client", "operator", "operator", false],
      ["client", "viewer", "viewer", false],
    ],
  );
});

Deno.test("CertificateAuthority takes certificates into its record that were made without one", async () => {
  await using fixture = await Fixture.create();
  await Deno.remove(join(fixture.path, "issued"), { recursive: true });
  assert.equal((await fixture.issued()).length, 4);
  await fixture.add("alice");
  await Deno.remove(join(fixture.path, "viewer-cert.pem"));
  assert.equal((await fixture.issued()).length, 5);
  assert.equal((await fixture.revoke("viewer")).length, 1);
  // Whatever is done with it, and not only when another one is made.
  for (const change of [() => fixture.renew("operator"), () => fixture.revoke("operator")]) {
    await Deno.remove(join(fixture.path, "issued"), { recursive: true });
    await change();
    const recorded = (await fixture.issued()).filter(({ recorded }) => recorded);
    assert.equal(recorded.length, (await fixture.issued()).length);
  }
});

Deno.test("CertificateAuthority.issued() leaves out what another CA has signed", async () => {
  await using fixture = await Fixture.create();
  await fixture.add("alice");
  await makeCertificates(fixture.path, { force: true });
  const names = (await fixture.issued()).map(({ name }) => name);
  assert.deepEqual(names, ["worker-daemon", "admin", "operator", "viewer"]);
});

Deno.test("CertificateAuthority.add() makes no second certificate for a user, unless the first is no good", async () => {
  await using fixture = await Fixture.create();
  const { key } = await fixture.add("alice", ["viewer"]);
  const before = await Deno.readTextFile(key);
  await assert.rejects(fixture.add("alice", ["admin"]), refusal(/until \d{4}-/, "already_exists"));
  // As an admin there is somebody already, by the name of another file.
  await assert.rejects(fixture.add("admin"), refusal(/"admin" has a/, "already_exists"));
  assert.equal(await Deno.readTextFile(key), before);

  await fixture.revoke("alice");
  await fixture.add("alice", ["admin"]);
  const verdict = await fixture.verdictOf(await fixture.certificate("alice-cert.pem"));
  assert.ok(verdict.kind === "accepted");
  assert.deepEqual(verdict.client.identity.roles, ["admin"]);
  assert.notEqual(await Deno.readTextFile(key), before);
});

Deno.test("CertificateAuthority.add() overwrites nothing that is not the user's", async () => {
  await using fixture = await Fixture.create();
  await Deno.writeTextFile(join(fixture.path, "alice-key.pem"), "precious");
  await assert.rejects(fixture.add("alice"), refusal(/alice-key\.pem would be/, "already_exists"));
  assert.equal(await fixture.read("alice-key.pem"), "precious");
  await Deno.copyFile(join(fixture.path, "viewer-cert.pem"), join(fixture.path, "bob-cert.pem"));
  await assert.rejects(fixture.add("bob"), refusal(/bob-cert\.pem would be/, "already_exists"));
});

Deno.test("CertificateAuthority.add() refuses names that are none, or no names of files", async () => {
  await using fixture = await Fixture.create();
  const names = [
    ...["", " a", "a\nb", "a\u202eb", "x".repeat(65), "../a", "a/b", ".a", "-a", "😀".repeat(60)],
    ...["ca", "server", "client", "all"],
  ];
  for (const name of names) {
    await assert.rejects(
      fixture.add(name),
      refusal(/Cannot make a certificate/, "invalid_argument"),
    );
  }
  assert.equal((await fixture.issued()).length, 4);
});

Deno.test("CertificateAuthority.renew() makes a new certificate for the same key, and the old one stays good", async () => {
  await using fixture = await Fixture.create();
  const { cert, key } = await fixture.add("alice", ["operator", "viewer"], 1);
  const old = await fixture.certificate("alice-cert.pem");
  // The user has taken the key away, and the certificate too.
  await Deno.remove(cert);
  const privateKey = createPrivateKey(await Deno.readTextFile(key));
  await Deno.remove(key);
  const [renewed] = await fixture.renew("alice");
  assert.equal(renewed?.path, cert);
  const certificate = await fixture.certificate("alice-cert.pem");
  assert.ok(certificate.checkPrivateKey(privateKey));
  assert.notEqual(certificate.serialNumber, old.serialNumber);
  assert.ok(certificate.validToDate.getTime() > Date.now() + 89 * DAY_MS);
  for (const one of [old, certificate]) {
    const verdict = await fixture.verdictOf(one);
    assert.ok(verdict.kind === "accepted");
    assert.deepEqual(verdict.client.identity, { user: "alice", roles: ["operator", "viewer"] });
  }
  // Both are the user's, and both go, though the user has taken the new one, too.
  await Deno.remove(cert);
  assert.equal((await fixture.revoke("alice")).length, 2);
  assert.equal((await fixture.verdictOf(old)).kind, "refused");
  await assert.rejects(fixture.renew("alice"), refusal(/on the deny list/));
});

Deno.test("CertificateAuthority.renew() puts the new certificate wherever the old ones are, and nowhere else", async () => {
  await using fixture = await Fixture.create();
  const [client, copy] = ["client-cert.pem", "copy-cert.pem"].map((name) =>
    join(fixture.path, name)
  );
  assert.ok(client !== undefined && copy !== undefined);
  await Deno.copyFile(client, copy);
  for (const _time of [1, 2]) {
    const before = await Deno.readTextFile(client);
    const renewed = await fixture.renew("admin");
    assert.deepEqual(new Set(renewed.map(({ path }) => path)), new Set([client, copy]));
    assert.notEqual(await Deno.readTextFile(client), before);
    assert.equal(await Deno.readTextFile(copy), await Deno.readTextFile(client));
  }
  await assert.rejects(Deno.lstat(join(fixture.path, "admin-cert.pem")), Deno.errors.NotFound);
});

Deno.test("CertificateAuthority.renew() keeps the names of the server, and adds some", async () => {
  await using fixture = await Fixture.create();
  const names = async () => (await fixture.certificate("server-cert.pem")).subjectAltName;
  const before = await names();
  await fixture.renew("server");
  assert.equal(await names(), before);
  await fixture.renew("server", { days: 9, hosts: ["worker.example", "10.0.0.7", "localhost"] });
  assert.equal(await names(), `${before}, DNS:worker.example, IP Address:10.0.0.7`);
  await assert.rejects(
    fixture.renew("server", { days: 9, hosts: ["a b"] }),
    refusal(/give a DNS name/, "invalid_argument"),
  );
});

Deno.test("CertificateAuthority.renew() leaves the key and what else is in the file, and its mode", async () => {
  await using fixture = await Fixture.create();
  const path = join(fixture.path, "server-cert.pem");
  const [cert, key, ca] = await Promise.all(
    ["server-cert.pem", "server-key.pem", "ca-cert.pem"].map((name) => fixture.read(name)),
  );
  await Deno.writeTextFile(path, `${key}# The server\n${cert}${ca}`);
  await Deno.chmod(path, 0o600);
  await fixture.renew("server");
  const text = await Deno.readTextFile(path);
  assert.ok(text.startsWith(`${key}# The server\n-----BEGIN`) && text.endsWith(`-----\n${ca}`));
  assert.ok(!text.includes(cert ?? "-"));
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  const caPath = join(fixture.path, "ca-cert.pem");
  await loadTlsMaterial({ cert: path, key: path, ca: caPath }, "server");
});

Deno.test("CertificateAuthority.renew() leaves a pair that goes together at every moment", async () => {
  await using fixture = await Fixture.create();
  const paths = {
    cert: join(fixture.path, "server-cert.pem"),
    key: join(fixture.path, "server-key.pem"),
    ca: join(fixture.path, "ca-cert.pem"),
  };
  let renewing = true;
  const read = async () => {
    let count = 0;
    for (; renewing || count === 0; count++) await loadTlsMaterial(paths, "server");
    return count;
  };
  const readers = [read(), read()];
  for (let round = 0; round < 10; round++) await fixture.renew("server");
  renewing = false;
  await Promise.all(readers);
  // Nothing else is left of it.
  const names = (await Array.fromAsync(Deno.readDir(fixture.path))).map(({ name }) => name);
  assert.deepEqual(names.filter((name) => !/-(cert|key)\.pem$/.test(name)), ["issued"]);
});

Deno.test("CertificateAuthority.renew() without a name renews all that have not ended", async () => {
  await using fixture = await Fixture.create();
  await fixture.add("alice");
  await fixture.add("bob");
  await fixture.revoke("bob");
  const names = (await fixture.renew("all")).map(({ of }) => of.name);
  assert.deepEqual(names, ["worker-daemon", "admin", "alice", "operator", "viewer"]);
  await assert.rejects(fixture.renew("carol"), refusal(/no certificate of "carol" here/));
});

Deno.test("CertificateAuthority renews what has ended only by its name, and puts none of it on the deny list", async () => {
  await using fixture = await Fixture.create();
  const { cert } = await issueCertificate({
    subject: [["O", "viewer"], ["CN", "over"]],
    issuer: { cert: await fixture.read("ca-cert.pem"), key: await fixture.read("ca-key.pem") },
    usages: ["clientAuth"],
    notBefore: new Date(Date.now() - 2 * DAY_MS),
    notAfter: new Date(Date.now() - DAY_MS),
  });
  await record(fixture.path, cert);
  const all = await fixture.renew("all");
  assert.deepEqual(all.map(({ of }) => of.name), ["worker-daemon", "admin", "operator", "viewer"]);
  await assert.rejects(fixture.revoke("over"), refusal(/no certificate of "over" here/));
  assert.equal((await fixture.renew("over")).length, 1);
  const [revoked, ...others] = await fixture.revoke("over");
  assert.ok(revoked !== undefined && revoked.notAfter > Date.now());
  assert.equal(others.length, 0);
});

Deno.test("No certificate outlives its CA", async () => {
  await using fixture = await Fixture.create();
  const end = Math.floor((Date.now() + DAY_MS) / 1000) * 1000;
  const ca = await issueAuthority({ commonName: "Short", notAfter: new Date(end) });
  await Deno.writeTextFile(join(fixture.path, "ca-cert.pem"), ca.cert);
  await Deno.writeTextFile(join(fixture.path, "ca-key.pem"), ca.key);
  await fixture.add("alice", ["viewer"], 30);
  const certificate = await fixture.certificate("alice-cert.pem");
  assert.equal(certificate.validToDate.getTime(), end);

  const dead = await issueAuthority({
    commonName: "Dead",
    notAfter: new Date(Date.now() - 60_000),
  });
  await Deno.writeTextFile(join(fixture.path, "ca-cert.pem"), dead.cert);
  await Deno.writeTextFile(join(fixture.path, "ca-key.pem"), dead.key);
  await assert.rejects(fixture.add("bob"), refusal(/The CA has ended on .*--force/));
});

Deno.test("CertificateAuthority signs with the key of a CA that somebody else has made", async () => {
  await using fixture = await Fixture.create();
  const algorithms = [
    { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
    {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
  ];
  for (const [index, algorithm] of algorithms.entries()) {
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    assert.ok("privateKey" in keys);
    const ca = await x509.X509CertificateGenerator.createSelfSigned({
      name: "CN=House CA",
      keys,
      signingAlgorithm: algorithm,
      notAfter: new Date(Date.now() + DAY_MS),
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    await Deno.writeTextFile(join(fixture.path, "ca-cert.pem"), ca.toString("pem"));
    const key = x509.PemConverter.encode(pkcs8, x509.PemConverter.PrivateKeyTag);
    await Deno.writeTextFile(join(fixture.path, "ca-key.pem"), key);
    await fixture.add(`alice${index}`);
    await fixture.renew(`alice${index}`);
    const certificate = await fixture.certificate(`alice${index}-cert.pem`);
    assert.equal((await fixture.verdictOf(certificate)).kind, "accepted");
  }
});

Deno.test("CertificateAuthority.revoke() adds to the deny list, and leaves what is there", async () => {
  await using fixture = await Fixture.create();
  await fixture.add("alice");
  const path = join(fixture.path, "deny-list.txt");
  await Deno.writeTextFile(path, "# Lost laptops\nabcd # bob");
  await Deno.chmod(path, 0o640);
  const [revoked] = await fixture.revoke("alice");
  const text = await Deno.readTextFile(path);
  assert.match(
    text,
    new RegExp(
      `^# Lost laptops\nabcd # bob\n${revoked?.serialNumber} # alice, revoked \\d{4}-\\d\\d-\\d\\d\n$`,
    ),
  );
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o640);
  assert.deepEqual(await fixture.revoke("alice"), []);
  assert.equal(await Deno.readTextFile(path), text);
  const denied = (await fixture.issued()).filter(({ denied }) => denied);
  assert.deepEqual(denied.map(({ name }) => name), ["alice"]);
  await assert.rejects(fixture.revoke("nobody"), refusal(/fingerprint as audit\.log has it/));
  await assert.rejects(fixture.revoke("worker-daemon"), refusal(/no certificate of/));
});

Deno.test("A CA is not replaced while somebody adds a certificate to it", async () => {
  await using fixture = await Fixture.create();
  let replaced = false;
  const replacing = await fixture.with(async (authority) => {
    const replacing = makeCertificates(fixture.path, { force: true }).then(() => replaced = true);
    // As long as that would take if it did not wait.
    await makeCertificates(join(fixture.path, "other"));
    await authority.add({ user: "alice", roles: ["viewer"], days: 7 });
    assert.equal(replaced, false);
    return { replacing };
  });
  await replacing.replacing;
  assert.equal(replaced, true);
});

Deno.test("CertificateAuthority.revoke() loses nothing when several are at it", async () => {
  await using fixture = await Fixture.create();
  const users = ["a", "b", "c", "d", "e"];
  for (const user of users) await fixture.add(user);
  await Promise.all(users.map((user) => fixture.revoke(user)));
  assert.equal((await loadDenyList(join(fixture.path, "deny-list.txt"))).size, users.length);
});

Deno.test("CertificateAuthority.revoke() writes to no list that the daemon would refuse", async () => {
  await using fixture = await Fixture.create();
  const path = join(fixture.path, "deny-list.txt");
  for (
    const [text, mode, words] of [["what?\n", 0o644, /Cannot deny/], ["", 0o666, /chmod/]] as const
  ) {
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, mode);
    await assert.rejects(fixture.revoke("viewer"), words);
    assert.equal(await Deno.readTextFile(path), text);
  }
  await Deno.remove(path);
  const denyList = join(fixture.path, "elsewhere.txt");
  const revoke = (authority: CertificateAuthority) => authority.revoke("viewer");
  await assert.rejects(fixture.with(revoke, { denyList }), refusal(/elsewhere\.txt.*No such file/));
  await Deno.writeTextFile(denyList, "");
  assert.equal((await fixture.with(revoke, { denyList })).length, 1);
  assert.equal((await loadDenyList(denyList)).size, 1);
});

Deno.test("CertificateAuthority says where it misses what", async () => {
  await using fixture = await Fixture.create();
  const add = (authority: CertificateAuthority) =>
    authority.add({ user: "alice", roles: ["viewer"], days: 1 });
  const caKey = join(fixture.path, "kept.pem");
  await Deno.rename(join(fixture.path, "ca-key.pem"), caKey);
  await assert.rejects(fixture.with(add), refusal(/ca-key\.pem".*give --ca-key/));
  // What needs no key does without.
  assert.equal((await fixture.issued()).length, 4);
  assert.equal((await fixture.revoke("viewer")).length, 1);
  const wrong = join(fixture.path, "client-key.pem");
  await assert.rejects(fixture.with(add, { caKey: wrong }), refusal(/is not the key of the CA/));
  await assert.rejects(
    fixture.with(add, { caKey: join(fixture.path, "client-cert.pem") }),
    refusal(/not a private key in PEM/),
  );
  await fixture.with(add, { caKey });

  await using empty = await temporaryDirectory();
  const nowhere = { directory: empty.path, caKey: "", denyList: "" };
  await assert.rejects(
    CertificateAuthority.open(nowhere),
    refusal(/no such file; --dir says where the CA is, .*`deno task certs` makes a new one$/),
  );
});

Deno.test("readIssued() has the server first, then users by name, and of each the newest certificate", async () => {
  await using directory = await temporaryDirectory();
  const ca = await issueAuthority({ commonName: "CA" });
  const day = (days: number) => new Date(Date.now() + days * DAY_MS);
  const cases = [
    ["zoe", "clientAuth", -5, 1],
    ["bob", "clientAuth", -9, 9],
    ["bob", "clientAuth", -3, 2],
    ["bob", "clientAuth", -3, 4],
    ["server", "serverAuth", -20, 1],
    ["server", "serverAuth", -1, 1],
  ] as const;
  for (const [name, usage, from, to] of cases) {
    const { cert } = await issueCertificate({
      subject: [["CN", name]],
      issuer: ca,
      usages: [usage],
      notBefore: day(from),
      notAfter: day(to),
    });
    await record(directory.path, cert);
  }
  const issued = await readIssued(directory.path, new X509Certificate(ca.cert), denyListOf([]));
  const daysFromNow = (time: number) => Math.round((time - Date.now()) / DAY_MS);
  assert.deepEqual(
    issued.map((
      { name, kind, notBefore, notAfter },
    ) => [name, `${kind}Auth`, daysFromNow(notBefore), daysFromNow(notAfter)]),
    [5, 4, 3, 2, 1, 0].map((index) => [...cases[index] ?? []]),
  );
});
