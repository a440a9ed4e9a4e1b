import { join } from "node:path";
import { loadTlsMaterial, type Side, type TlsPaths } from "../../lib/auth/tls_material.ts";
import type { CertifiedKey } from "../../lib/auth/issue_certificate.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { issueAuthority, issueCa, TestCertificates } from "../certificates.ts";
import { assert } from "../assert.ts";

const NOW = Date.now();
const HOUR = 3_600_000;

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** Writes the files of a server: good ones, but for those given. */
async function write(files: Partial<CertifiedKey & { ca: string }>) {
  const directory = await Deno.makeTempDir({ dir: certificates.directory });
  const dates = { notBefore: new Date(NOW - 4 * HOUR), notAfter: new Date(NOW + 4 * HOUR) };
  const good = { ...await certificates.issue(dates), ca: certificates.ca.cert };
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

async function assertRefused(paths: TlsPaths, ...told: readonly string[]): Promise<void> {
  await assertRefusedAt("server", paths, ...told);
}

async function assertRefusedAt(
  side: Side,
  paths: TlsPaths,
  ...told: readonly string[]
): Promise<void> {
  await assert.rejects(loadTlsMaterial(paths, side, NOW), (error) => {
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, "failed_precondition");
    for (const text of told) assert.ok(error.message.includes(text), `${error.message} | ${text}`);
    return true;
  });
}

Deno.test("loadTlsMaterial() loads what `deno task certs` makes", async () => {
  const paths = certificates.paths("server");
  const material = await loadTlsMaterial(paths, "server");
  assert.equal(material.cert, await Deno.readTextFile(paths.cert));
  assert.equal(material.key, await Deno.readTextFile(paths.key));
  assert.equal(material.ca, await Deno.readTextFile(paths.ca));
  assert.equal(material.trustedCas.length, 1);
  assert.ok(material.notAfter > NOW);
});

Deno.test("loadTlsMaterial() loads every CA of the file, with text between them", async () => {
  const ca = `Old one:\n${(await issueCa()).cert}\r\nNew one:\n${certificates.ca.cert}`;
  assert.equal((await loadTlsMaterial(await write({ ca }), "server")).trustedCas.length, 2);
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
  for (const name of ["cert", "key", "ca"] as const) {
    const directory = await Deno.makeTempDir({ dir: certificates.directory });
    await assertRefused({ ...paths, [name]: directory }, `${directory}": it is a directory`);
  }
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
    await loadTlsMaterial(paths, "server");
  }
});

Deno.test("loadTlsMaterial() refuses a certificate outside its dates", async () => {
  const expired = await write(await certificates.issue({ notAfter: new Date(NOW - HOUR / 2) }));
  await assertRefused(expired, expired.cert, "expired on", "deno task certs renew server");
  const early = await write(await certificates.issue({ notBefore: new Date(NOW + HOUR / 2) }));
  await assertRefused(early, early.cert, "not valid before", "check the clock");
});

Deno.test("loadTlsMaterial() takes certificate and CA from their first moment to their last", async () => {
  const [begin, end] = [NOW + HOUR / 4, NOW + HOUR / 2].map((ms) => Math.floor(ms / 1000) * 1000);
  assert.ok(begin !== undefined && end !== undefined);
  const dates = { notBefore: new Date(begin), notAfter: new Date(end) };
  const brief = await write(await certificates.issue(dates));
  const ca = await write({ ca: (await issueAuthority({ commonName: "Brief", ...dates })).cert });
  assert.equal((await loadTlsMaterial(brief, "server", begin)).notAfter, end);
  for (const paths of [brief, ca]) {
    for (const time of [begin, end]) await loadTlsMaterial(paths, "server", time);
    await assert.rejects(loadTlsMaterial(paths, "server", begin - 1), /not valid/);
    await assert.rejects(loadTlsMaterial(paths, "server", end + 1), /expired/);
  }
});

Deno.test("loadTlsMaterial() refuses a CA file with something else in it, or only dead CAs", async () => {
  const leaf = await certificates.issue({});
  const mixed = await write({ ca: certificates.ca.cert + leaf.cert });
  await assertRefused(mixed, mixed.ca, "is not a CA certificate");

  const dead = await write({ ca: (await issueCa()).cert });
  await loadTlsMaterial(dead, "server", NOW);
  await assert.rejects(loadTlsMaterial(dead, "server", NOW + 2 * HOUR), /expired/);
  await assert.rejects(loadTlsMaterial(dead, "server", NOW - 2 * HOUR), /not valid yet/);
});

Deno.test("loadTlsMaterial() takes a dead CA beside a living one, as there is during a rotation", async () => {
  const dead = await issueCa();
  for (const ca of [dead.cert + certificates.ca.cert, certificates.ca.cert + dead.cert]) {
    const { trustedCas } = await loadTlsMaterial(await write({ ca }), "server", NOW + 2 * HOUR);
    assert.equal(trustedCas.length, 2);
  }
});

Deno.test("loadTlsMaterial() tells a client whom to ask, and never to make certificates anew", async () => {
  const alice = { subject: [["O", "viewer"], ["CN", "alice"]] } as const;
  const odd = { subject: [["CN", "Alice; rm -rf"]] } as const;
  const past = { notAfter: new Date(NOW - HOUR / 2) };
  const ofAlice = await write(await certificates.issue({ ...alice, ...past }));
  const ofOdd = await write(await certificates.issue({ ...odd, ...past }));
  const mismatched = await write({ key: (await certificates.issue({})).key });
  const dead = await write({
    ca: (await issueAuthority({ commonName: "Old", ...past })).cert,
  });
  const missing = { ...ofAlice, cert: "/nonexistent/cert.pem" };
  await assertRefusedAt("client", ofAlice, "ask whoever runs the daemon", "renew alice");
  await assertRefusedAt("client", ofOdd, "renew NAME");
  await assertRefusedAt("client", dead, "ask whoever runs the daemon", "ca-cert.pem");
  await assertRefusedAt("client", missing, "where the daemon runs");
  for (const paths of [ofAlice, ofOdd, mismatched, dead, missing]) {
    await assert.rejects(
      loadTlsMaterial(paths, "client", NOW),
      (error) => error instanceof JobWorkerError && !error.message.includes("--force"),
    );
  }
  await assertRefusedAt("server", dead, "deno task certs --force");
});

/** What people, or their tools, do to PEM. */
const MESSES: Readonly<Record<string, (pem: string) => string>> = {
  "line ends of Windows": (pem) => pem.replaceAll("\n", "\r\n"),
  "blanks at the ends of lines": (pem) => pem.replaceAll("\n", " \t\n"),
  "blanks before lines": (pem) => pem.replaceAll(/^/gm, "   "),
  "a byte order mark": (pem) => `\ufeff${pem}`,
  "text before": (pem) => `Bag Attributes\n    friendlyName: worker\nsubject=CN = a\n${pem}`,
  "no line end at the end": (pem) => pem.trimEnd(),
  "one long line": (pem) => pem.replaceAll(/(?<=[^-])\n(?=[^-])/g, ""),
};

for (const [what, spoil] of Object.entries(MESSES)) {
  Deno.test(`loadTlsMaterial() takes PEM with ${what}, and hands on tidy PEM`, async () => {
    const { cert, key } = await certificates.issue({});
    const ca = certificates.ca.cert;
    const paths = await write({ cert: spoil(cert), key: spoil(key), ca: spoil(ca) });
    const material = await loadTlsMaterial(paths, "server", NOW);
    assert.deepEqual([material.cert, material.key, material.ca], [cert, key, ca]);
  });
}

Deno.test("loadTlsMaterial() takes key and certificates out of one file, in any order", async () => {
  const { cert, key } = await certificates.issue({});
  const other = await certificates.issue({});
  const parameters =
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  const chain = certificates.ca.cert;
  for (
    const text of [
      key + cert + chain,
      cert + chain + key,
      parameters + other.key + cert + chain + key,
    ]
  ) {
    const paths = await write({ cert: "", key: text });
    const material = await loadTlsMaterial({ ...paths, cert: paths.key }, "client", NOW);
    assert.deepEqual([material.cert, material.key], [cert + chain, key]);
  }
  const open = await write({ cert: cert + key });
  await Deno.chmod(open.cert, 0o644);
  await assertRefused({ ...open, key: open.cert }, `chmod 600 ${open.cert}`);
});
