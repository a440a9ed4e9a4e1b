import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { record } from "../../lib/auth/issued.ts";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { assert } from "../assert.ts";
import { DAY_MS, refusal, TestAuthority } from "./certificate_authority_fixture.ts";

Deno.test("CertificateAuthority.renew() makes a new certificate for the same key, and the old one stays good", async () => {
  await using fixture = await TestAuthority.create();
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
  await using fixture = await TestAuthority.create();
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
  await using fixture = await TestAuthority.create();
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
  await using fixture = await TestAuthority.create();
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

Deno.test("CertificateAuthority.renew() leaves a matching key and certificate at every moment", async () => {
  await using fixture = await TestAuthority.create();
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

Deno.test("CertificateAuthority.renew() without a name renews all that have not expired", async () => {
  await using fixture = await TestAuthority.create();
  await fixture.add("alice");
  await fixture.add("bob");
  await fixture.revoke("bob");
  const names = (await fixture.renew("all")).map(({ of }) => of.name);
  assert.deepEqual(names, ["worker-daemon", "admin", "alice", "operator", "viewer"]);
  await assert.rejects(fixture.renew("carol"), refusal(/no certificate for "carol" here/));
});

Deno.test("CertificateAuthority renews expired certificates only by name, and puts none of them on the deny list", async () => {
  await using fixture = await TestAuthority.create();
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
  await assert.rejects(fixture.revoke("over"), refusal(/no certificate for "over" here/));
  assert.equal((await fixture.renew("over")).length, 1);
  const [revoked, ...others] = await fixture.revoke("over");
  assert.ok(revoked !== undefined && revoked.notAfter > Date.now());
  assert.equal(others.length, 0);
});
