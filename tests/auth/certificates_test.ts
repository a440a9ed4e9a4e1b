import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { verifyClientCertificate } from "../../lib/auth/client_certificate.ts";
import { makeCertificates } from "../../lib/auth/certificates.ts";
import { issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";

const NAMES = ["ca", "server", "client", "operator", "viewer"];
const FILES = NAMES.flatMap((name) => [`${name}-cert.pem`, `${name}-key.pem`]);
const DAY = 86_400_000;

async function temporaryDirectory() {
  const path = await Deno.makeTempDir({ prefix: "job-worker-certs-" });
  return {
    path,
    list: async () => (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort(),
    certificate: async (name: string) =>
      new X509Certificate(await Deno.readTextFile(join(path, `${name}-cert.pem`))),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

function rejectsWith(promise: Promise<unknown>, code: string, ...told: string[]): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, code);
    for (const text of told) assert.ok(error.message.includes(text), error.message);
    return true;
  });
}

Deno.test("makeCertificates() writes ten files, and says which", async () => {
  await using directory = await temporaryDirectory();
  const target = join(directory.path, "not", "there", "yet");
  const written = await makeCertificates(target);
  assert.deepEqual(written.map(({ path }) => path), FILES.map((name) => join(target, name)));
  assert.ok(written.every(({ content }) => content !== ""));
});

Deno.test("makeCertificates() makes private keys that only their owner may read", async () => {
  await using directory = await temporaryDirectory();
  await makeCertificates(directory.path);
  for (const name of FILES) {
    const { mode } = await Deno.stat(join(directory.path, name));
    assert.equal((mode ?? 0) & 0o777, name.endsWith("-key.pem") ? 0o600 : 0o644, name);
  }
});

Deno.test("makeCertificates() makes clients that are let in, each in its role", async () => {
  await using directory = await temporaryDirectory();
  await makeCertificates(directory.path);
  const ca = await directory.certificate("ca");
  const trust = { trustedCas: [ca], denyList: new Set<string>() };
  for (
    const [file, role] of Object.entries({
      client: "admin",
      operator: "operator",
      viewer: "viewer",
    })
  ) {
    const { raw } = await directory.certificate(file);
    const verdict = verifyClientCertificate([raw], trust, Date.now());
    assert.ok(verdict.kind === "accepted", file);
    assert.deepEqual(verdict.client.identity, { user: role, roles: [role] });
    await loadTlsMaterial({
      cert: join(directory.path, `${file}-cert.pem`),
      key: join(directory.path, `${file}-key.pem`),
      ca: join(directory.path, "ca-cert.pem"),
    }, "client");
  }
  const { raw } = await directory.certificate("server");
  assert.equal(verifyClientCertificate([raw], trust, Date.now()).kind, "refused");
});

Deno.test("makeCertificates() makes a server certificate for all local names and those given", async () => {
  await using directory = await temporaryDirectory();
  await makeCertificates(directory.path, { hosts: ["worker.example", "fe80::1"] });
  const certificate = await directory.certificate("server");
  for (const name of ["localhost", "worker.example"]) {
    assert.ok(certificate.checkHost(name), name);
  }
  assert.equal(certificate.checkHost("other.example"), undefined);
  for (const address of ["127.0.0.1", "::1", "0.0.0.0", "fe80::1"]) {
    assert.ok(certificate.checkIP(address), address);
  }
  assert.equal(certificate.checkIP("127.0.0.2"), undefined);
});

Deno.test("makeCertificates() makes certificates good from some minutes ago, for a year; the CA for ten", async () => {
  await using directory = await temporaryDirectory();
  await makeCertificates(directory.path);
  for (const name of NAMES) {
    const { validFromDate, validToDate } = await directory.certificate(name);
    const age = Date.now() - validFromDate.getTime();
    assert.ok(age > 60_000 && age < DAY, `${name}: ${validFromDate}`);
    const years = (validToDate.getTime() - Date.now()) / (365 * DAY);
    assert.equal(Math.round(years), name === "ca" ? 10 : 1);
  }
});

Deno.test("makeCertificates() makes certificates that OpenSSL takes at its strictest", async (test) => {
  await using directory = await temporaryDirectory();
  await makeCertificates(directory.path, { hosts: ["worker.example"] });
  for (const name of NAMES) {
    const purpose = name === "server" ? "sslserver" : "sslclient";
    const command = new Deno.Command("openssl", {
      args: ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca-cert.pem"].concat(
        name === "server" ? ["-verify_hostname", "worker.example"] : [],
        name === "ca" ? ["-purpose", "any"] : [],
        `${name}-cert.pem`,
      ),
      cwd: directory.path,
    });
    const output = await command.output().catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    });
    await test.step({
      name,
      ignore: output === null,
      fn: () => assert.equal(output?.success, true, new TextDecoder().decode(output?.stderr)),
    });
  }
});

Deno.test("makeCertificates() overwrites nothing, and then writes nothing, without force", async () => {
  for (const name of FILES) {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, name);
    await Deno.writeTextFile(path, "precious");
    await rejectsWith(makeCertificates(directory.path), "already_exists", path, "--force");
    assert.equal(await Deno.readTextFile(path), "precious");
    assert.deepEqual(await directory.list(), [name]);
  }
});

Deno.test("makeCertificates() replaces all with force, keys that all could read included", async () => {
  await using directory = await temporaryDirectory();
  await makeCertificates(directory.path);
  const before = await directory.certificate("client");
  const key = join(directory.path, "client-key.pem");
  await Deno.chmod(key, 0o644);

  await makeCertificates(directory.path, { force: true });
  const ca = await directory.certificate("ca");
  assert.equal((await directory.certificate("client")).verify(ca.publicKey), true);
  assert.equal(before.verify(ca.publicKey), false);
  assert.equal(((await Deno.stat(key)).mode ?? 0) & 0o777, 0o600);
  assert.deepEqual(await directory.list(), [...FILES, "issued"].toSorted());
});

Deno.test("makeCertificates() leaves all as it was if a name is taken by a directory", async () => {
  await using directory = await temporaryDirectory();
  await Deno.mkdir(join(directory.path, "viewer-key.pem"));
  await rejectsWith(
    makeCertificates(directory.path, { force: true }),
    "already_exists",
    "viewer-key",
  );
  assert.deepEqual(await directory.list(), ["viewer-key.pem"]);
});

Deno.test("makeCertificates() says so if it cannot make the directory", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "file");
  await Deno.writeTextFile(file, "");
  await rejectsWith(makeCertificates(join(file, "certs")), "failed_precondition", file);
});

Deno.test("makeCertificates() refuses what is not a host, before it writes anything", async () => {
  await using directory = await temporaryDirectory();
  for (
    const host of [
      "",
      "a b",
      "https://a",
      "a:443",
      "[::1]",
      "fe80::1%eth0",
      "-a",
      "a..b",
      "a.",
      "*.a",
      "a\n",
    ]
  ) {
    await rejectsWith(
      makeCertificates(directory.path, { hosts: [host] }),
      "invalid_argument",
      JSON.stringify(host),
    );
  }
  assert.deepEqual(await directory.list(), []);
});

Deno.test("issueCertificate() gives each certificate a serial number of its own", async () => {
  const request = { subject: [["CN", "a"]], notBefore: new Date(), notAfter: new Date() } as const;
  const serials = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { serialNumber } = new X509Certificate((await issueCertificate(request)).cert);
    assert.ok(BigInt(`0x${serialNumber}`) > 0n);
    serials.add(serialNumber);
  }
  assert.equal(serials.size, 20);
});

Deno.test("issueCertificate() takes every character of a name for itself", async () => {
  for (const name of ['#41, "quoted" \\0a + O=admin', "a,b=c", " ", "Zoë"]) {
    const { cert } = await issueCertificate({
      subject: [["CN", name]],
      notBefore: new Date(),
      notAfter: new Date(),
    });
    assert.equal(new X509Certificate(cert).toLegacyObject().subject["CN"], name);
  }
});
