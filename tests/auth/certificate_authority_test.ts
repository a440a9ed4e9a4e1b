import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { CertificateAuthority } from "../../lib/auth/certificate_authority.ts";
import { makeCertificates } from "../../lib/auth/certificates.ts";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { x509 } from "../../lib/auth/x509.ts";
import { assert } from "../assert.ts";
import { issueAuthority } from "../certificates.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DAY_MS, refusal, TestAuthority } from "./certificate_authority_fixture.ts";

Deno.test("CertificateAuthority.add() makes a certificate that the daemon accepts, and a key for its owner", async () => {
  await using fixture = await TestAuthority.create();
  const { cert, key } = await fixture.add("Zoë Müller", ["operator", "viewer"], 30);
  assert.equal(cert, join(fixture.path, "Zoë Müller-cert.pem"));
  const certificate = new X509Certificate(await Deno.readTextFile(cert));
  const verdict = await fixture.verdictOf(certificate);
  assert.ok(verdict.kind === "accepted");
  assert.deepEqual(verdict.client.identity, { user: "Zoë Müller", roles: ["operator", "viewer"] });
  const days = (certificate.validToDate.getTime() - Date.now()) / DAY_MS;
  assert.ok(days > 29.9 && days <= 30, `${days}`);
  // It is good already where the clock is a few minutes behind.
  const sinceMs = Date.now() - certificate.validFromDate.getTime();
  assert.ok(sinceMs >= 5 * 60_000 && sinceMs < DAY_MS, `${sinceMs}`);
  assert.equal(((await Deno.stat(key)).mode ?? 0) & 0o777, 0o600);
  assert.equal(((await Deno.stat(cert)).mode ?? 0) & 0o777, 0o644);
  await loadTlsMaterial({ cert, key, ca: join(fixture.path, "ca-cert.pem") }, "client");
});

Deno.test("CertificateAuthority.issued() knows what was issued when the files are gone", async () => {
  await using fixture = await TestAuthority.create();
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

Deno.test("CertificateAuthority records certificates that were made without a record", async () => {
  await using fixture = await TestAuthority.create();
  await Deno.remove(join(fixture.path, "issued"), { recursive: true });
  assert.equal((await fixture.issued()).length, 4);
  await fixture.add("alice");
  await Deno.remove(join(fixture.path, "viewer-cert.pem"));
  assert.equal((await fixture.issued()).length, 5);
  assert.equal((await fixture.revoke("viewer")).length, 1);
  // Every change takes them in, not only that which makes another one.
  for (const change of [() => fixture.renew("operator"), () => fixture.revoke("operator")]) {
    await Deno.remove(join(fixture.path, "issued"), { recursive: true });
    await change();
    const recorded = (await fixture.issued()).filter(({ recorded }) => recorded);
    assert.equal(recorded.length, (await fixture.issued()).length);
  }
});

Deno.test("CertificateAuthority.issued() leaves out what another CA has signed", async () => {
  await using fixture = await TestAuthority.create();
  await fixture.add("alice");
  await makeCertificates(fixture.path, { force: true });
  const names = (await fixture.issued()).map(({ name }) => name);
  assert.deepEqual(names, ["worker-daemon", "admin", "operator", "viewer"]);
});

Deno.test("CertificateAuthority.add() makes no second certificate for a user, unless the first is no good", async () => {
  await using fixture = await TestAuthority.create();
  const { key } = await fixture.add("alice", ["viewer"]);
  const before = await Deno.readTextFile(key);
  await assert.rejects(fixture.add("alice", ["admin"]), refusal(/until \d{4}-/, "already_exists"));
  // The user "admin" is there already, in a file of another name.
  await assert.rejects(fixture.add("admin"), refusal(/"admin" already has a/, "already_exists"));
  assert.equal(await Deno.readTextFile(key), before);

  await fixture.revoke("alice");
  await fixture.add("alice", ["admin"]);
  const verdict = await fixture.verdictOf(await fixture.certificate("alice-cert.pem"));
  assert.ok(verdict.kind === "accepted");
  assert.deepEqual(verdict.client.identity.roles, ["admin"]);
  assert.notEqual(await Deno.readTextFile(key), before);
});

Deno.test("CertificateAuthority.add() overwrites nothing that is not the user's", async () => {
  await using fixture = await TestAuthority.create();
  await Deno.writeTextFile(join(fixture.path, "alice-key.pem"), "precious");
  await assert.rejects(fixture.add("alice"), refusal(/alice-key\.pem would be/, "already_exists"));
  assert.equal(await fixture.read("alice-key.pem"), "precious");
  await Deno.copyFile(join(fixture.path, "viewer-cert.pem"), join(fixture.path, "bob-cert.pem"));
  await assert.rejects(fixture.add("bob"), refusal(/bob-cert\.pem would be/, "already_exists"));
});

Deno.test("CertificateAuthority.add() refuses invalid names, and names that no file can have", async () => {
  await using fixture = await TestAuthority.create();
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

Deno.test("No certificate outlives its CA", async () => {
  await using fixture = await TestAuthority.create();
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
  await assert.rejects(fixture.add("bob"), refusal(/The CA expired on .*--force/));
});

Deno.test("CertificateAuthority signs with the key of a CA that somebody else has made", async () => {
  await using fixture = await TestAuthority.create();
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

Deno.test("A CA is not replaced while somebody adds a certificate to it", async () => {
  await using fixture = await TestAuthority.create();
  let replaced = false;
  const replacing = await fixture.with(async (authority) => {
    const replacing = makeCertificates(fixture.path, { force: true }).then(() => replaced = true);
    // This takes as long as the replacement would if it did not wait.
    await makeCertificates(join(fixture.path, "other"));
    await authority.add({ user: "alice", roles: ["viewer"], days: 7 });
    assert.equal(replaced, false);
    return { replacing };
  });
  await replacing.replacing;
  assert.equal(replaced, true);
});

Deno.test("CertificateAuthority says which file it misses, and where", async () => {
  await using fixture = await TestAuthority.create();
  const add = (authority: CertificateAuthority) =>
    authority.add({ user: "alice", roles: ["viewer"], days: 1 });
  const caKey = join(fixture.path, "kept.pem");
  await Deno.rename(join(fixture.path, "ca-key.pem"), caKey);
  await assert.rejects(fixture.with(add), refusal(/ca-key\.pem".*give --ca-key/));
  // Whatever needs no key works without it.
  assert.equal((await fixture.issued()).length, 4);
  assert.equal((await fixture.revoke("viewer")).length, 1);
  const wrong = join(fixture.path, "client-key.pem");
  await assert.rejects(
    fixture.with(add, { caKey: wrong }),
    refusal(/is not the private key of the CA/),
  );
  await assert.rejects(
    fixture.with(add, { caKey: join(fixture.path, "client-cert.pem") }),
    refusal(/not a PEM private key/),
  );
  await fixture.with(add, { caKey });

  await using empty = await temporaryDirectory();
  const nowhere = { directory: empty.path, caKey: "", denyList: "" };
  await assert.rejects(
    CertificateAuthority.open(nowhere),
    refusal(
      /no such file; pass the directory of the CA with --dir .* a new CA with `deno task certs`$/,
    ),
  );
});
