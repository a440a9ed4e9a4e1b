import { X509Certificate } from "node:crypto";
import { hostname } from "node:os";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { verifySigner } from "../../lib/auth/fleet_certificates.ts";
import { unitFiles } from "../../lib/daemon/units.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { runDaemonProgram as daemon } from "./programs.ts";

const SECRET = ["hub-tls-key.pem", "hub-sign-key.pem", "nats-server-key.pem"];
const PUBLIC = [
  "ca-cert.pem",
  "fleet.json",
  "hub-sign-cert.pem",
  "hub-tls-cert.pem",
  "nats-server-cert.pem",
  "nats.conf",
];

async function certificateIn(path: string): Promise<X509Certificate> {
  return new X509Certificate(await Deno.readTextFile(path));
}

/** The content of all files below a directory, by their paths. */
async function contentOf(directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) { for (const [key, text] of await contentOf(path)) found.set(key, text); }
    else found.set(path, await Deno.readTextFile(path));
  }
  return found;
}

Deno.test("init --hub makes all that a hub and its nats-server need, and --check-config finds it good", async () => {
  await using directory = await temporaryDirectory();
  const place = `${directory.path}/new`;
  const { code, stdout, stderr } = await daemon([
    "init",
    "--hub",
    `--dir=${place}`,
    "--host=hub.example",
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(`${place}/job-worker.json`)), {
    address: "0.0.0.0:8080",
    cert: "certs/server-cert.pem",
    key: "certs/server-key.pem",
    ca: "certs/ca-cert.pem",
    users: "certs/users.htpasswd",
    "data-dir": "data",
    hub: true,
    fleet: "fleet/fleet.json",
  });
  const fleet = `${place}/fleet`;
  const names = await Array.fromAsync(Deno.readDir(fleet), ({ name }) => name);
  assert.deepEqual(names.toSorted(), [...SECRET, ...PUBLIC, "hosts"].toSorted());
  for (const name of [...SECRET, ...PUBLIC]) {
    const { mode } = await Deno.stat(`${fleet}/${name}`);
    assert.equal((mode ?? 0) & 0o777, SECRET.includes(name) ? 0o600 : 0o644, name);
    assert.match(stdout, new RegExp(`^${fleet}/${name} `, "m"));
  }
  assert.deepEqual(JSON.parse(await Deno.readTextFile(`${fleet}/fleet.json`)), {
    version: 1,
    fleet: "main",
    hub: "hub",
    nats: ["hub.example:4222"],
  });
  const ca = await certificateIn(`${place}/certs/ca-cert.pem`);
  const { raw } = await certificateIn(`${fleet}/hub-sign-cert.pem`);
  const verdict = verifySigner(raw, { trustedCas: [ca], denyList: new Set() }, Date.now());
  assert.ok(verdict.kind === "accepted");
  assert.deepEqual(verdict.signer.member, { fleet: "main", kind: "hub", name: "hub" });
  for (const name of ["hub-tls", "nats-server"]) {
    await loadTlsMaterial({
      cert: `${fleet}/${name}-cert.pem`,
      key: `${fleet}/${name}-key.pem`,
      ca: `${fleet}/ca-cert.pem`,
    }, "client");
  }
  const server = await certificateIn(`${fleet}/nats-server-cert.pem`);
  for (const host of ["localhost", "hub.example"]) assert.equal(server.checkHost(host), host);
  assert.ok(server.checkIP("127.0.0.1"));
  const lines = [
    `Next: cd ${fleet} && nats-server --config nats.conf --pid nats-server.pid`,
    `      worker-daemon --config=${place}/job-worker.json`,
    `      worker-daemon host add NAME --slots N --dir=${place}    for each`,
  ];
  assert.ok(stdout.includes(`\n${lines.join("\n")}\n`), stdout);
  const check = await daemon(["--check-config", `--config=${place}/job-worker.json`]);
  assert.deepEqual(check, { code: 0, stdout: "The configuration is good\n", stderr: "" });
});

Deno.test("init --hub says where NATS is as it was told, or else at the first name of the hub", async () => {
  await using directory = await temporaryDirectory();
  const natsOf = async (...flags: string[]) => {
    const place = `${directory.path}/${crypto.randomUUID()}`;
    const { code, stderr } = await daemon(["init", "--hub", `--dir=${place}`, ...flags]);
    assert.deepEqual([code, stderr], [0, ""]);
    const { nats } = JSON.parse(await Deno.readTextFile(`${place}/fleet/fleet.json`));
    const conf = await Deno.readTextFile(`${place}/fleet/nats.conf`);
    return [nats, /^listen: "(.*)"$/m.exec(conf)?.[1]];
  };
  assert.deepEqual(await natsOf(), [[`${hostname()}:4222`], "0.0.0.0:4222"]);
  assert.deepEqual(await natsOf("--host=::1"), [["[::1]:4222"], "0.0.0.0:4222"]);
  assert.deepEqual(
    await natsOf("--host=hub.example", "--nats=nats-1.example:7000", "--nats=[::1]:7001"),
    [["nats-1.example:7000", "[::1]:7001"], "0.0.0.0:7000"],
  );
});

Deno.test("init --hub overwrites nothing without --force, with which the CA and the hosts stay", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const hub = ["init", "--hub", `--dir=${path}`, "--fleet=blue"];
  assert.equal((await daemon(hub)).code, 0);
  const out = `--out=${path}/web-1.join`;
  assert.equal((await daemon(["host", "add", "web-1", "--slots=1", `--dir=${path}`, out])).code, 0);
  const before = await contentOf(path);
  const again = await daemon(hub);
  assert.equal(again.code, 1);
  assert.match(
    again.stderr,
    /job-worker\.json": it exists; use --force .* the CA and the hosts stay\n$/,
  );
  await Deno.remove(`${path}/job-worker.json`);
  for (const name of ["nats.conf", "hub-tls-key.pem", "ca-cert.pem"]) {
    const kept = await contentOf(`${path}/fleet`);
    const { code, stderr } = await daemon(hub);
    assert.deepEqual([code, stderr.includes(": it exists; use --force")], [1, true], name);
    assert.deepEqual(await contentOf(`${path}/fleet`), kept);
    await Deno.remove(`${path}/fleet/${name}`);
  }
  assert.equal((await daemon([...hub, "--force"])).code, 0);
  const after = await contentOf(path);
  for (const name of ["certs/ca-cert.pem", "certs/ca-key.pem", "fleet/hosts/web-1.json"]) {
    assert.equal(after.get(`${path}/${name}`), before.get(`${path}/${name}`), name);
  }
  for (const name of ["hub-tls-key.pem", "hub-sign-cert.pem", "nats-server-key.pem"]) {
    const [old, fresh] = [before, after].map((all) => all.get(`${path}/fleet/${name}`));
    assert.notEqual(fresh, old, name);
  }
  assert.match(after.get(`${path}/fleet/nats.conf`) ?? "", /"urn:job-worker:blue:bus:host:web-1"/);
  // The certificates of the host are for a fleet of this name.
  const renamed = await daemon([...hub.slice(0, -1), "--fleet=red", "--force"]);
  assert.equal(renamed.code, 78);
  assert.match(
    renamed.stderr,
    /Cannot make the fleet "red" in .*: it has hosts of the fleet "blue"; remove them first/,
  );
  assert.deepEqual(await contentOf(path), after);
});

Deno.test("init --hub takes the CA that is there, and has its server answer to the names of the hub", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  assert.equal((await daemon(["init", `--dir=${path}`])).code, 0);
  await Deno.remove(`${path}/job-worker.json`);
  const ca = await Deno.readTextFile(`${path}/certs/ca-cert.pem`);
  await Deno.rename(`${path}/certs/ca-key.pem`, `${path}/elsewhere.pem`);
  const hub = ["init", "--hub", `--dir=${path}`, "--host=hub.example"];
  const without = await daemon(hub);
  assert.equal(without.code, 78);
  assert.match(without.stderr, /Cannot read the key of the CA, .*ca-key\.pem": .*--ca-key/);
  assert.equal((await daemon([...hub, `--ca-key=${path}/elsewhere.pem`])).code, 0);
  assert.equal(await Deno.readTextFile(`${path}/certs/ca-cert.pem`), ca);
  assert.equal(await Deno.readTextFile(`${path}/fleet/ca-cert.pem`), ca);
  const server = await certificateIn(`${path}/certs/server-cert.pem`);
  for (const host of ["localhost", "hub.example"]) assert.equal(server.checkHost(host), host);
});

Deno.test("init says in one line what is wrong with its arguments about a fleet", async () => {
  const cases: [string, RegExp][] = [
    ["--hub --fleet=Main", /^worker-daemon: --fleet "Main": must be 1 to 32 of a-z, 0-9 and -\n$/],
    ["--hub --fleet=", /--fleet "": must be 1 to 32/],
    ["--hub --nats=hub", /--nats "hub": must be host:port, such as hub\.example:4222\n$/],
    ["--hub --nats=hub:0", /--nats "hub:0": must be host:port/],
    ["--hub --job-user=nobody", /--job-user does not go with --hub: a hub runs no jobs\n$/],
    ["--fleet=main", /--fleet goes with --hub: see init --help\n$/],
    ["--nats=hub:1", /--nats goes with --hub/],
    ["--ca-key=x", /--ca-key goes with --hub/],
  ];
  await using directory = await temporaryDirectory();
  for (const [line, message] of cases) {
    const { code, stdout, stderr } = await daemon([
      "init",
      `--dir=${directory.path}/x`,
      ...line.split(" "),
    ]);
    assert.deepEqual([code, stdout], [2, ""], line);
    assert.match(stderr, message);
  }
  const wrongHost = await daemon(["init", "--hub", `--dir=${directory.path}/x`, "--host=a b"]);
  assert.equal(wrongHost.code, 2);
  assert.match((await daemon(["init", "--help"])).stdout, /^ {2}--nats=<host:port> /m);
});

Deno.test("init --hub --systemd writes a unit by which nats-server finds its files", async () => {
  await using directory = await temporaryDirectory();
  const place = `${directory.path}/with space`;
  const made = await daemon(["init", "--hub", `--dir=${place}`, "--systemd", "--system"]);
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.match(
    made.stdout,
    /^Next: systemctl enable --now .*\/nats-server\.service .*\/worker-daemon\.service$/m,
  );
  const unit = await Deno.readTextFile(`${place}/nats-server.service`);
  assert.ok(
    unit.includes(`\nLoadCredential=nats-server-key.pem:${place}/fleet/nats-server-key.pem\n`),
  );
  assert.ok(unit.includes(` --config "$$0"' "${place}/fleet/nats.conf"\n`), unit);
  assert.doesNotMatch(unit, /\/etc\/job-worker/);
  assert.match(unit, /^DynamicUser=yes$/m);
  // What it has to read is what it is given.
  const conf = await Deno.readTextFile(`${place}/fleet/nats.conf`);
  for (const [, name] of conf.matchAll(/^ {2}\w+_file: "(.*)"$/gm)) {
    assert.match(unit, new RegExp(`^LoadCredential=${name}:`, "m"));
  }
});

Deno.test("The unit of nats-server for a user has nothing that only root may set", () => {
  const units = unitFiles(
    { directory: "/home/me/hub", systemd: "user", jobUser: null, isHub: true },
    () => undefined,
  );
  const { text = "" } = units.find(({ name }) => name === "nats-server.service") ?? {};
  assert.doesNotMatch(text, /^(DynamicUser|CapabilityBoundingSet|Wants|After)=/m);
  assert.match(text, /^WantedBy=default\.target$/m);
  assert.match(text, /^LoadCredential=ca-cert\.pem:\/home\/me\/hub\/fleet\/ca-cert\.pem$/m);
  assert.ok(!units.some(({ name }) => name === "worker-daemon-jobs.service"));
});
