import { X509Certificate } from "node:crypto";
import { loadDenyList } from "../../lib/auth/deny_list.ts";
import { verifyClientCertificate } from "../../lib/auth/client_certificate.ts";
import { parseHostLine } from "../../lib/daemon/host_line.ts";
import { readFleetHosts } from "../../lib/fleet/fleet_files.ts";
import { checkJoinFile } from "../../lib/fleet/join_file.ts";
import { assert } from "../assert.ts";
import { TestHub } from "../fleet/test_hub.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { runDaemonProgram } from "./programs.ts";

/** Runs `worker-daemon host` for a hub. */
async function host(hub: TestHub, ...args: readonly string[]) {
  return await runDaemonProgram(["host", ...args, `--dir=${hub.directory}`]);
}

Deno.test("host add makes the file by which a host joins, and keeps none of its keys", async () => {
  await using hub = await TestHub.make();
  const out = hub.joinPath("web-1");
  const { code, stdout, stderr } = await host(
    hub,
    ...["add", "web-1", "--labels", "role=web,zone=eu", "--slots", "8", "--out", out],
  );
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    `${out}  by which web-1 joins the fleet main: its keys, so keep it secret

Next: nats-server --signal reload=${hub.path("nats-server.pid")}    or systemctl reload nats-server
      scp ${out} web-1:    and remove it here
      worker-daemon join web-1.join    on web-1
`,
  );
  assert.equal(((await Deno.stat(out)).mode ?? 0) & 0o777, 0o600);
  const file = JSON.parse(await Deno.readTextFile(out));
  checkJoinFile(out, file);
  assert.deepEqual([file.fleet, file.host, file.nats], ["main", "web-1", [
    `127.0.0.1:${hub.port}`,
  ]]);
  const [known] = await readFleetHosts(hub.path(""));
  assert.partialDeepStrictEqual(known, {
    host: "web-1",
    labels: { role: "web", zone: "eu" },
    slots: 8,
    tlsCert: file.tls.cert,
    signCert: file.sign.cert,
  });
  const secrets = [file.tls.key, file.sign.key, file.sealKey];
  await Deno.remove(out);
  const { stdout: found } = await new Deno.Command("grep", {
    args: ["-rlF", "-e", secrets.map(bodyOf).join("\n"), hub.directory],
  }).output();
  assert.equal(new TextDecoder().decode(found), "");
});

/** The second line of a PEM. */
function bodyOf(pem: string): string {
  return pem.split("\n")[1] ?? assert.fail(pem);
}

Deno.test("host add puts the file into the working directory unless it is told where", async () => {
  const line = async (...flags: string[]) =>
    await parseHostLine(["add", "web-1", "--slots=1", ...flags]);
  assert.partialDeepStrictEqual(await line(), { out: `${Deno.cwd()}/web-1.join`, force: false });
  assert.partialDeepStrictEqual(await line("--out=/x/y"), { out: "/x/y" });
});

Deno.test("host add refuses a host that is there, and a file that is, and changes nothing then", async () => {
  await using hub = await TestHub.make("web-1");
  const conf = await Deno.readTextFile(hub.path("nats.conf"));
  const twice = await host(hub, "add", "web-1", "--slots=1", `--out=${hub.directory}/2.join`);
  assert.equal(twice.code, 1);
  assert.match(
    twice.stderr,
    /Cannot add "web-1": it is in the fleet "main" already; --force gives .* edit ".*\/hosts\/web-1\.json"\n$/,
  );
  const taken = await host(hub, "add", "web-2", "--slots=1", `--out=${hub.joinPath("web-1")}`);
  assert.equal(taken.code, 1);
  assert.match(
    taken.stderr,
    /Cannot make ".*web-1\.join": it exists; remove it, or choose another/,
  );
  const unwritable = await host(hub, "add", "web-2", "--slots=1", "--out=/dev/null/x");
  assert.equal(unwritable.code, 78);
  assert.equal((await readFleetHosts(hub.path(""))).length, 1);
  assert.equal(await Deno.readTextFile(hub.path("nats.conf")), conf);
});

Deno.test("host add --force gives a host other keys, and what it had is denied", async () => {
  await using hub = await TestHub.make("web-1");
  const [old] = await readFleetHosts(hub.path(""));
  await Deno.remove(hub.joinPath("web-1"));
  const conf = await Deno.readTextFile(hub.path("nats.conf"));
  await hub.add("web-1", "--force", "--labels=role=db");
  const [now, ...others] = await readFleetHosts(hub.path(""));
  assert.deepEqual([now?.labels, others], [{ role: "db" }, []]);
  assert.notEqual(now?.tlsCert, old?.tlsCert);
  assert.ok(now?.member && now.member === old?.member);
  assert.notEqual(await Deno.readTextFile(hub.path("nats.conf")), conf);
  await assertDenied(hub, [old?.tlsCert, old?.signCert], [now?.tlsCert, now?.signCert]);
  await hub.remove("web-1");
  await Deno.remove(hub.joinPath("web-1"));
  await hub.add("web-1");
  const [other] = await readFleetHosts(hub.path(""));
  assert.ok(other?.member && other.member !== now.member);
});

/** That the hub refuses some certificates of clients, and not others. */
async function assertDenied(
  hub: TestHub,
  denied: readonly (string | undefined)[],
  good: readonly (string | undefined)[],
): Promise<void> {
  const denyList = await loadDenyList(`${hub.directory}/certs/deny-list.txt`);
  const serialOf = (pem = "") =>
    new X509Certificate(pem).serialNumber.toLowerCase().replace(/^0+/, "");
  assert.deepEqual(denied.map((pem) => denyList.has(serialOf(pem))), [true, true]);
  assert.deepEqual(good.map((pem) => denyList.has(serialOf(pem))), good.map(() => false));
}

Deno.test("host remove takes a host out of the fleet, once", async () => {
  await using hub = await TestHub.make("web-1", "web-2");
  const [first, second] = await readFleetHosts(hub.path(""));
  const { code, stdout, stderr } = await host(hub, "remove", "web-1");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(
    stdout,
    /^Removed web-1 from the fleet main; what it runs goes on there\n\nNext: nats-server --signal/,
  );
  assert.deepEqual(await readFleetHosts(hub.path("")), [second]);
  const conf = await Deno.readTextFile(hub.path("nats.conf"));
  assert.deepEqual([conf.includes("host:web-1"), conf.includes("host:web-2")], [false, true]);
  await assertDenied(hub, [first?.tlsCert, first?.signCert], [second?.tlsCert]);
  const again = await host(hub, "remove", "web-1");
  assert.deepEqual([again.code, again.stderr], [
    1,
    'worker-daemon: There is no host "web-1" in the fleet "main"\n',
  ]);
});

Deno.test("Neither a hub nor a host gets a role on the API by its certificates", async () => {
  await using hub = await TestHub.make("web-1");
  const [web] = await readFleetHosts(hub.path(""));
  const ca = new X509Certificate(await Deno.readTextFile(hub.path("ca-cert.pem")));
  const trust = { trustedCas: [ca], denyList: new Set<string>() };
  for (const pem of [web?.tlsCert, (await hub.tls()).cert]) {
    const { raw } = new X509Certificate(pem ?? "");
    const verdict = verifyClientCertificate([raw], trust, Date.now());
    assert.ok(verdict.kind === "accepted");
    assert.deepEqual(verdict.client.identity.roles, []);
  }
});

Deno.test("host list shows the hosts for people and for programs", async () => {
  await using hub = await TestHub.make();
  assert.equal((await host(hub, "list")).stdout, "NAME  SLOTS  UNTIL  LABELS\n");
  assert.equal((await host(hub, "list", "--json")).stdout, "");
  await hub.add("web-1", "--labels=zone=eu,role=web");
  await hub.add("db-1", "--slots=123456");
  const { code, stdout } = await host(hub, "list");
  assert.equal(code, 0);
  assert.equal(
    stdout.replace(/\d{4}-\d\d-\d\d/g, "2027-11-30"),
    `NAME   SLOTS   UNTIL       LABELS
db-1   123456  2027-11-30  -
web-1  4       2027-11-30  zone=eu,role=web
`,
  );
  const json = (await host(hub, "list", "--json")).stdout.trimEnd().split("\n");
  const [db, web] = json.map((line) => JSON.parse(line));
  assert.partialDeepStrictEqual(db, { name: "db-1", labels: {}, slots: 123_456 });
  assert.deepEqual(Object.keys(web), ["name", "labels", "slots", "notAfter"]);
  assert.ok(Date.parse(web.notAfter) > Date.now());
});

Deno.test("host says what is wrong with its arguments, and what would be accepted", async () => {
  const add = "add web-1 --slots=1";
  const cases: [string, RegExp][] = [
    ["", /^worker-daemon: An action is missing: add, list or remove\nUsage: /],
    ["show", /Unknown action "show"; there are add, list and remove\nUsage: /],
    ["add", /The name of the host is missing\nUsage: /],
    ["add Web.1 --slots=1", /The name of the host "Web\.1": must be 1 to 63 of a-z, 0-9 and -\n$/],
    [`add ${"x".repeat(64)} --slots=1`, /must be 1 to 63 of a-z, 0-9 and -\n$/],
    ["add web-1 web-2 --slots=1", /Unexpected argument "web-2"\nUsage: /],
    [
      "add web-1",
      /--slots is missing; give how many jobs may run there at once, such as 8\nUsage: /,
    ],
    ["add web-1 --slots=0", /--slots "0": must be a whole number from 1 to 1000000\n$/],
    ["add web-1 --slots=1000001", /--slots "1000001": must be a whole number/],
    ["add web-1 --slots=many", /--slots "many": must be a whole number/],
    [
      `${add} --labels=web`,
      /--labels "web": must be NAME=VALUE, several separated by commas, such as role=web/,
    ],
    [`${add} --labels==web`, /--labels "=web": must be NAME=VALUE/],
    [`${add} --labels=a=1,a=2`, /--labels "a=1,a=2": "a" is there twice\n$/],
    [`${add} --labels=-=1`, /Invalid labels: the name "-" must be/],
    [`${add} --json`, /--json does not go with add\nUsage: /],
    ["list web-1", /Unexpected argument "web-1"\nUsage: /],
    ["list --slots=1", /--slots does not go with list\nUsage: /],
    ["remove", /The name of the host is missing\nUsage: /],
    ["remove web-1 --force", /--force does not go with remove\nUsage: /],
    ["add web-1 --slot=1", /Unknown option "--slot": did you mean --slots\?\n$/],
  ];
  for (const [line, message] of cases) {
    const words = line.split(" ").filter((word) => word !== "");
    const { code, stdout, stderr } = await runDaemonProgram(["host", ...words]);
    assert.deepEqual([code, stdout], [2, ""], line);
    assert.match(stderr, message);
  }
  assert.match(
    (await runDaemonProgram(["host", "add", "--help"])).stdout,
    /^Usage: worker-daemon host add NAME/,
  );
  await using directory = await temporaryDirectory();
  for (const line of [["list"], ["remove", "web-1"], ["add", "web-1", "--slots=1"]]) {
    const { code, stderr } = await runDaemonProgram(["host", ...line, `--dir=${directory.path}`]);
    assert.equal(code, 78);
    assert.match(
      stderr,
      /There is no hub in ".*": make one with `worker-daemon init --hub`, or pass/,
    );
  }
});

Deno.test("Hosts that are added at the same time are all in nats.conf", async () => {
  await using hub = await TestHub.make();
  const twice = await Promise.all(
    ["1", "2"].map((name) => host(hub, "add", "same", "--slots=1", `--out=${hub.joinPath(name)}`)),
  );
  assert.deepEqual(twice.map(({ code }) => code).toSorted(), [0, 1]);
  await hub.remove("same");
  const names = Array.from({ length: 8 }, (_, index) => `web-${index}`);
  await Promise.all(names.map((name) => hub.add(name)));
  assert.deepEqual((await readFleetHosts(hub.path(""))).map(({ host }) => host), names);
  const conf = await Deno.readTextFile(hub.path("nats.conf"));
  for (const name of names) assert.ok(conf.includes(`:bus:host:${name}"`), name);
  assert.equal([...conf.matchAll(/^ {4}"[0-9a-f]{64}"$/gm)].length, names.length + 1);
});
