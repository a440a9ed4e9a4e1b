import { join } from "node:path";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import type { Credentials } from "../../lib/auth/certificates.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { issueCa, TestCertificates } from "../certificates.ts";
import { assert } from "../assert.ts";

const NOW = Date.now();
const HOUR = 3_600_000;

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** Writes the files of a server: good ones, but for those given. */
async function write(files: Partial<Credentials & { ca: string }>) {
  const directory = await Deno.makeTempDir({ dir: certificates.directory });
  const good = { ...await certificates.issue({}), ca: certificates.ca.cert };
  const { cert, key, ca } = { ...good, ...files };
  const paths = {
    cert: join(directory, "cert.pem"),
    key: join(directory, "key.pem"),
    ca: join(directory, "ca.pem"),
  };
  await Deno.writeTextFile(paths.cert, cert);
  await Deno.writeTextFile(paths.key, key, { mode: 0o600 });
  await Deno.writeTextFile(paths.ca, ca);
  return paths;
}

async function assertRefused(
  paths: Parameters<typeof loadTlsMaterial>[0],
  ...told: readonly string[]
): Promise<void> {
  await assert.rejects(loadTlsMaterial(paths, NOW), (error) => {
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, "failed_precondition");
    for (const text of told) assert.ok(error.message.includes(text), `${error.message} | ${text}`);
    return true;
  });
}

Deno.test("loadTlsMaterial() loads what `deno task certs` makes", async () => {
  const paths = certificates.paths("server");
  const material = await loadTlsMaterial(paths);
  assert.equal(material.cert, await Deno.readTextFile(paths.cert));
  assert.equal(material.key, await Deno.readTextFile(paths.key));
  assert.equal(material.ca, await Deno.readTextFile(paths.ca));
  assert.equal(material.trustedCas.length, 1);
  assert.ok(material.notAfter > NOW);
});

Deno.test("loadTlsMaterial() loads every CA of the file, with text between them", async () => {
  const ca = `Old one:\n${(await issueCa()).cert}\r\nNew one:\n${certificates.ca.cert}`;
  assert.equal((await loadTlsMaterial(await write({ ca }))).trustedCas.length, 2);
});

Deno.test("loadTlsMaterial() refuses a file that is not there, and says how to make it", async () => {
  const paths = await write({});
  for (const name of ["cert", "key", "ca"] as const) {
    const missing = `${paths[name]}.missing`;
    await assertRefused({ ...paths, [name]: missing }, missing, "deno task certs");
  }
});

Deno.test("loadTlsMaterial() refuses a directory, garbage and damaged PEM", async () => {
  const paths = await write({});
  await assertRefused({ ...paths, cert: certificates.directory }, certificates.directory);
  const damaged = certificates.ca.cert.replace(/\n.{20}/, "\n");
  for (const text of ["", "garbage", damaged, "\u0000\u0001"]) {
    const files = await Promise.all([
      write({ cert: text }),
      write({ key: text }),
      write({ ca: text }),
    ]);
    await assertRefused(files[0], files[0].cert);
    await assertRefused(files[1], files[1].key);
    await assertRefused(files[2], files[2].ca);
  }
});

Deno.test("loadTlsMaterial() refuses the key of another certificate", async () => {
  const paths = await write({ key: (await certificates.issue({})).key });
  await assertRefused(paths, paths.key, paths.cert, "does not belong");
});

Deno.test("loadTlsMaterial() refuses a key with a passphrase", async () => {
  const body = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
  await assertRefused(await write({ key: body }), "passphrase");
});

Deno.test("loadTlsMaterial() refuses a key that others than its owner may read", async () => {
  const paths = await write({});
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    await Deno.chmod(paths.key, mode);
    await assertRefused(paths, `mode 0${mode.toString(8)}`, `chmod 600 ${paths.key}`);
  }
  for (const mode of [0o600, 0o400]) {
    await Deno.chmod(paths.key, mode);
    await loadTlsMaterial(paths);
  }
});

Deno.test("loadTlsMaterial() refuses a certificate outside its dates", async () => {
  const expired = await write(await certificates.issue({ notAfter: new Date(NOW - HOUR / 2) }));
  await assertRefused(expired, expired.cert, "expired on", "deno task certs --force");
  const early = await write(await certificates.issue({ notBefore: new Date(NOW + HOUR / 2) }));
  await assertRefused(early, early.cert, "not valid before", "check the clock");
});

Deno.test("loadTlsMaterial() refuses a CA file with something else in it, or only dead CAs", async () => {
  const leaf = await certificates.issue({});
  const mixed = await write({ ca: certificates.ca.cert + leaf.cert });
  await assertRefused(mixed, mixed.ca, "is not a CA's");

  const dead = await write({ ca: (await issueCa()).cert });
  await loadTlsMaterial(dead, NOW);
  await assert.rejects(loadTlsMaterial(dead, NOW + 2 * HOUR), /expired/);
  await assert.rejects(loadTlsMaterial(dead, NOW - 2 * HOUR), /not valid yet/);
});

Deno.test("loadTlsMaterial() takes a dead CA beside a living one, as there is during a rotation", async () => {
  const dead = await issueCa();
  for (const ca of [dead.cert + certificates.ca.cert, certificates.ca.cert + dead.cert]) {
    const { trustedCas } = await loadTlsMaterial(await write({ ca }), NOW + 2 * HOUR);
    assert.equal(trustedCas.length, 2);
  }
});
