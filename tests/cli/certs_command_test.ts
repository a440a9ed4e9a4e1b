/** What of a `certs` line reaches the CA, and what is said of what came of it. */

import { X509Certificate } from "node:crypto";
import { loadDenyList } from "../../lib/auth/deny_list.ts";
import { record } from "../../lib/auth/issued.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { type FakeIoOptions, type Outcome, runCli } from "./fake_daemon.ts";

const DAY_MS = 86_400_000;

/** Runs `certs` with these words on a directory. */
async function certs(
  directory: string,
  words: string,
  options: FakeIoOptions & { readonly exitStatus?: number } = {},
): Promise<Outcome> {
  const outcome = await runCli(["certs", ...words.split(" "), "--dir", directory], {}, options);
  assert.equal(outcome.exitStatus, options.exitStatus ?? 0, `${words}: ${outcome.stderr}`);
  return outcome;
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** How many days a certificate has left, rounded. */
async function daysOf(path: string): Promise<number> {
  const { validToDate } = new X509Certificate(await Deno.readTextFile(path));
  return Math.round((validToDate.getTime() - Date.now()) / DAY_MS);
}

Deno.test("certs add and renew hand on roles, days and names, and say which files there are", async () => {
  await using certificates = await TestCertificates.create();
  const { directory } = certificates;
  const [cert, key] = [`${directory}/alice-cert.pem`, `${directory}/alice-key.pem`];
  const added = await certs(directory, "add alice --role operator,viewer --days 7");
  assert.deepEqual(added, {
    exitStatus: 0,
    stdout: `${cert}  certificate of the client "alice": operator, viewer\n` +
      `${key}   private key of the client "alice": operator, viewer\n`,
    stderr: "",
  });
  assert.equal(await daysOf(cert), 7);
  const [, alice] = jsonLines((await certs(directory, "list --json")).stdout)
    .filter(({ kind }) => kind === "client");
  assert.deepEqual([alice?.name, alice?.roles], ["alice", ["operator", "viewer"]]);

  const renewed = await certs(directory, "renew alice --days 9 --json");
  assert.deepEqual(jsonLines(renewed.stdout), [
    { path: cert, content: 'certificate of the client "alice"' },
  ]);
  assert.equal(await daysOf(cert), 9);
  const server = `${directory}/server-cert.pem`;
  await certs(directory, "renew server --days 11 --host jobs.example --host 192.0.2.7");
  const { subjectAltName = "" } = new X509Certificate(await Deno.readTextFile(server));
  assert.match(subjectAltName, /DNS:localhost,.*DNS:jobs\.example, IP Address:192\.0\.2\.7/);
  assert.equal(await daysOf(server), 11);
});

Deno.test("certs says on a terminal what is to be done with what it has made", async () => {
  await using certificates = await TestCertificates.create();
  const { directory } = certificates;
  const said = async (words: string) => (await certs(directory, words, { terminal: true })).stderr;
  assert.match(await said("add alice --role viewer"), /^Give alice both files and ca-cert\.pem/);
  const reload = /The daemon uses its new certificate after a reload/;
  const clients = /clients only need the new certificate/;
  const cases = [["server", true, false], ["alice", false, true], ["all", true, true]] as const;
  for (const [name, isServer, isClient] of cases) {
    const text = await said(`renew ${name}`);
    assert.deepEqual([reload.test(text), clients.test(text)], [isServer, isClient], name);
  }
  // Without a name it is all of them.
  const { stdout } = await certs(directory, "renew");
  assert.match(stdout, /the server\n/);
  assert.match(stdout, /the client "alice"\n/);
});

Deno.test("certs list tells of each certificate whether it is good, over, to come or revoked", async () => {
  await using certificates = await TestCertificates.create();
  const { directory } = certificates;
  const spans = { over: [-2, -1], soon: [1, 2], today: [-1, 1] } as const;
  for (const [name, [from, to]] of Object.entries(spans)) {
    const { cert } = await certificates.issue({
      subject: [["CN", name]],
      notBefore: new Date(Date.now() + from * DAY_MS),
      notAfter: new Date(Date.now() + to * DAY_MS),
    });
    await record(directory, cert);
  }
  await certs(directory, "revoke viewer");
  const { stdout } = await certs(directory, "list");
  const rows = stdout.split("\n").slice(0, -1).map((line) => line.split("\t"));
  assert.deepEqual(rows.map(([kind, name, roles, , status]) => [kind, name, roles, status]), [
    ["server", "worker-daemon", "-", "good"],
    ["client", "admin", "admin", "good"],
    ["client", "operator", "operator", "good"],
    ["client", "over", "-", "expired"],
    ["client", "soon", "-", "not yet"],
    ["client", "today", "-", "good"],
    ["client", "viewer", "viewer", "revoked"],
  ]);
  const issued = jsonLines((await certs(directory, "list --json")).stdout);
  assert.deepEqual(
    issued.map(({ name, status, serialNumber }) => [name, status, serialNumber]),
    rows.map(([, name, , , status, , serialNumber]) => [name, status, serialNumber]),
  );
  assert.deepEqual(
    issued.map(({ notAfter }) => String(notAfter).replace(".000Z", "Z")),
    rows.map(([, , , until]) => until),
  );
  const shown = await certs(directory, "list", { terminal: true });
  assert.match(
    shown.stdout,
    /^KIND +NAME +ROLES +UNTIL +STATUS +FILE +SERIAL *\nserver +worker-daemon +- +\d{4}-\d\d-\d\d +good +server-cert\.pem /,
  );
  // Whole on the narrowest terminal.
  assert.match(shown.stdout, / operator-cert\.pem /);
});

Deno.test("certs revoke says what it has put on which list, and what was there already", async () => {
  await using certificates = await TestCertificates.create();
  const { directory } = certificates;
  const list = `${directory}/deny-list.txt`;
  const revoked = await certs(directory, "revoke viewer --json");
  const [viewer] = jsonLines(revoked.stdout);
  assert.deepEqual([viewer?.name, viewer?.denied, viewer?.status], ["viewer", true, "revoked"]);
  assert.ok(revoked.stderr.startsWith(`viewer is now on the deny list ${list}; `), revoked.stderr);
  assert.match(revoked.stderr, /at a reload: systemctl reload worker-daemon/);
  assert.deepEqual([...await loadDenyList(list)], [viewer?.serialNumber]);
  assert.deepEqual(await certs(directory, "revoke viewer"), {
    exitStatus: 0,
    stdout: "",
    stderr: `viewer is already on the deny list ${list}\n`,
  });
  const operator = await certs(directory, "revoke operator");
  assert.match(operator.stdout, /^[0-9a-f]+\n$/);
  assert.ok((await loadDenyList(list)).has(operator.stdout.trim()));
});

Deno.test("certs finds the key of the CA and the deny list where the line says", async () => {
  await using certificates = await TestCertificates.create();
  const { directory } = certificates;
  const [caKey, denyList] = [`${directory}/kept-elsewhere.pem`, `${directory}/denied.txt`];
  await Deno.rename(`${directory}/ca-key.pem`, caKey);
  const { stderr } = await certs(directory, "renew viewer", { exitStatus: 125 });
  assert.match(stderr, /give --ca-key if it is elsewhere/);
  await certs(directory, `renew viewer --ca-key ${caKey}`);
  await certs(directory, `add alice --role viewer --ca-key ${caKey}`);

  await Deno.writeTextFile(denyList, "");
  const revoked = await certs(directory, `revoke alice --deny-list ${denyList}`);
  assert.ok(
    revoked.stderr.startsWith(`alice is now on the deny list ${denyList}; `),
    revoked.stderr,
  );
  assert.deepEqual([...await loadDenyList(denyList)], [revoked.stdout.trim()]);
  const statusOf = async (words: string) =>
    jsonLines((await certs(directory, words)).stdout).find(({ name }) => name === "alice")?.status;
  assert.equal(await statusOf(`list --json --deny-list ${denyList}`), "revoked");
  assert.equal(await statusOf("list --json"), "good");
});

Deno.test("What certs tells somebody to do next is for the same directory", async () => {
  await using place = await temporaryDirectory();
  const directory = `${place.path}/o'ne ca`;
  await certs(directory, "--force");
  const dir = `--dir '${place.path}/o'\\''ne ca'`;
  await certs(directory, "revoke viewer");
  const cases: [line: string, hint: string, exitStatus?: number][] = [
    ["add operator --role operator", `\`deno task certs renew operator ${dir}\``],
    ["add operator --role operator", `\`deno task certs revoke operator ${dir}\``],
    ["renew viewer", `\`deno task certs add viewer --role ROLE ${dir}\``],
    ["renew nobody", `\`deno task certs list ${dir}\``],
    ["revoke nobody", `\`deno task certs list ${dir}\``],
    ["renew operator --host h", `\`deno task certs renew server --host NAME ${dir}\``, 2],
    ["--host h", `\`deno task certs add NAME --role ROLE ${dir}\``],
    ["--host h", `\`deno task certs --force ${dir}\``],
  ];
  for (const [line, hint, exitStatus = 125] of cases) {
    const { stderr } = await certs(directory, line, { exitStatus });
    assert.ok(stderr.includes(hint), `${line}: ${stderr}`);
  }
});
