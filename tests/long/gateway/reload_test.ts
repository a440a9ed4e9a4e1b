import { X509Certificate } from "node:crypto";
import { messageOf } from "../../../lib/errors.ts";
import type { JobWorkerClient } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { issueCa, TestCertificates } from "../../certificates.ts";
import { until } from "../../worker/fixture.ts";
import { fingerprintOf, shownCertificate, slay, TestHouse } from "../../gateway/fixture.ts";
import { Follower, PrintingJobs } from "../../gateway/followers.ts";

/** Puts a new certificate of the same CA where the daemon looks, and returns its fingerprint. */
async function renew(certificates: TestCertificates): Promise<string> {
  const { cert, key } = await certificates.issue({
    subject: [["CN", "worker-daemon"]],
    usages: ["serverAuth"],
    hosts: ["localhost", "127.0.0.1"],
  });
  const paths = certificates.paths("server");
  await Deno.writeTextFile(paths.cert, cert);
  await Deno.writeTextFile(paths.key, key);
  return fingerprintOf(cert);
}

/** A job that is told to end, says so and goes on, once it is ready for that. */
async function stubbornJob(client: JobWorkerClient) {
  const script = "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done";
  const { jobId } = await client.startJob({ command: { name: "sh", args: ["-c", script] } });
  const printed = (text: string) =>
    until(async () =>
      new TextDecoder().decode((await client.getLogs({ jobId })).stdout).includes(text)
    );
  await printed("ready");
  return { jobId, printed };
}

Deno.test("SIGHUP brings in a new certificate, and no call and no byte is lost", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const { daemon } = house;
  const client = await house.connect();
  const jobs = await PrintingJobs.start(daemon, client, 3);
  const followers: Follower[] = [];
  for (const jobId of jobs.ids) followers.push(new Follower(await house.connect(), jobId));
  await Promise.all(followers.map((follower) => follower.advances()));

  const { jobId, printed } = await stubbornJob(client);
  const caller = await house.connect();
  const stopped = caller.stopJob({ jobId, stopSignal: "", gracePeriodMs: 2000 })
    .then(({ end }) => end?.reason, messageOf);
  await printed("asked");

  const old = await house.gateway();
  const fingerprint = await renew(certificates);
  Deno.kill(daemon.pid, "SIGHUP");
  await house.diagnosed(new RegExp(`Gateway \\d+ takes over from ${old}`));
  const material = await certificates.material("client");
  await until(async () => await shownCertificate(daemon.port, material) === fingerprint);
  assert.equal(await stopped, "stopped");
  await Promise.all(followers.map((follower) => follower.advances()));
  await until(async () => !(await house.gateways()).includes(old));
  assert.equal((await daemon.cli(["list"])).code, 0);

  const stored = await jobs.end();
  for (const { jobId, text } of followers) assert.equal(await text, stored.get(jobId));
});

Deno.test("A gateway that dies while the one before it drains is replaced at once", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /ended: by SIGKILL/ });
  const caller = await house.connect();
  const { jobId, printed } = await stubbornJob(caller);
  const stopped = caller.stopJob({ jobId, gracePeriodMs: 3_600_000 })
    .then(({ end }) => end?.reason, messageOf);
  await printed("asked");

  const old = await house.gateway();
  Deno.kill(house.daemon.pid, "SIGHUP");
  const [, next] = await house.diagnosed(new RegExp(`Gateway (\\d+) takes over from ${old}`));
  await slay(Number(next), "SIGKILL");
  await house.successor(Number(next));
  assert.ok((await house.gateways()).includes(old), "It has a call to finish");
  await (await house.connect()).signalJob({ jobId, signal: "KILL" });
  assert.equal(await stopped, "stopped");
});

Deno.test("SIGHUP again and again, and with two gateways, always ends with the newest", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, {
    args: ["--gateways=2"],
    expected: /^$/,
  });
  const { daemon } = house;
  const client = await house.connect();
  const jobs = await PrintingJobs.start(daemon, client, 1);
  const follower = new Follower(await house.connect(), jobs.ids[0] ?? "");
  const material = await certificates.material("client");
  for (let round = 1; round <= 3; round++) {
    const fingerprint = await renew(certificates);
    Deno.kill(daemon.pid, "SIGHUP");
    await until(async () => await house.count(/takes over from/) === 2 * round);
    // Who is dealt to a listener that closes is turned away; after that, all is as before.
    await until(async () => (await house.gateways()).length === 2);
    for (let look = 0; look < 10; look++) {
      assert.equal(await shownCertificate(daemon.port, material), fingerprint);
    }
    await follower.advances();
  }
  const stored = await jobs.end();
  assert.equal(await follower.text, stored.get(follower.jobId));
});

Deno.test("SIGHUP with a bad certificate leaves the old one serving, and says why", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /Cannot reload: / });
  const { daemon } = house;
  const { cert } = certificates.paths("server");
  const pem = await Deno.readTextFile(cert);
  const gateway = await house.gateway();
  await Deno.writeTextFile(cert, "rubbish");
  Deno.kill(daemon.pid, "SIGHUP");
  const why = `Cannot use the certificate "${cert}": there is no PEM certificate in it`;
  await house.diagnosed(
    new RegExp(`Cannot reload: ${why} .*; gateway ${gateway} goes on as before`),
  );
  assert.equal(await shownCertificate(daemon.port), fingerprintOf(pem));
  assert.equal((await daemon.cli(["list"])).code, 0);
  assert.deepEqual(await house.gateways(), [gateway]);

  await Deno.writeTextFile(cert, pem);
  Deno.kill(daemon.pid, "SIGHUP");
  await house.diagnosed(new RegExp(`Gateway \\d+ takes over from ${gateway}`));
});

Deno.test("SIGHUP shuts out clients whose certificates have been put on the deny list, and nobody else", async () => {
  await using certificates = await TestCertificates.create();
  const denied = `${certificates.directory}/denied`;
  await Deno.writeTextFile(denied, "# Nobody yet.\n", { mode: 0o600 });
  await using house = await TestHouse.start(certificates, {
    args: [`--deny-list=${denied}`],
    expected: /^$/,
  });
  const { daemon } = house;
  const jobs = await PrintingJobs.start(daemon, await house.connect(), 1);
  const [jobId = ""] = jobs.ids;
  const viewer = await certificates.material("viewer");
  const shutOut = new Follower(await house.connect({ ...viewer, reconnectTimeoutMs: 0 }), jobId);
  const other = new Follower(await house.connect(), jobId);
  await Promise.all([shutOut.advances(), other.advances()]);

  const { serialNumber } = new X509Certificate(viewer.cert);
  await Deno.writeTextFile(denied, `${serialNumber}  # the viewer's laptop was stolen\n`);
  Deno.kill(daemon.pid, "SIGHUP");
  await assert.rejects(shutOut.text, { code: "unavailable" });
  await house.diagnosed(/takes over from/);
  await until(async () => (await house.gateways()).length === 1);
  const { code, stderr } = await daemon.cli(["list"], "viewer");
  assert.equal(code, 125);
  assert.match(stderr, /it refuses the client certificate/);
  await house.diagnosed(/Refused .*: The client certificate is on the deny list/);
  const refusals = await until(async () => {
    const trail = await Deno.readTextFile(`${daemon.directory}/data/audit.log`);
    const lines = trail.split("\n").filter((line) => line.includes('"method":"connect"'));
    return lines.length > 0 && lines;
  });
  assert.deepEqual(
    new Set(refusals.map((line) => JSON.parse(line).fingerprint)),
    new Set([fingerprintOf(viewer.cert).replaceAll(":", "").toLowerCase()]),
  );

  await other.advances();
  const stored = await jobs.end();
  assert.equal(await other.text, stored.get(jobId));
});

Deno.test("SIGHUP takes a new CA in beside the old one, and then lets go of the old one", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const { daemon } = house;
  const ca = certificates.ca.cert;
  const newCa = await issueCa("New CA");
  const rotated = { ca, ...await certificates.issue({ issuer: newCa }) };
  const reload = async (cas: string) => {
    await Deno.writeTextFile(certificates.paths("server").ca, cas);
    const old = await house.gateway();
    Deno.kill(daemon.pid, "SIGHUP");
    await house.diagnosed(new RegExp(`takes over from ${old}`));
    await until(async () => (await house.gateways()).length === 1);
  };
  const list = async (client: JobWorkerClient) =>
    await client.listJobs({ filter: {}, pageSize: 0, pageToken: "" });

  // Where the client finds the CA of the server, which stays the same.
  const ofServer = `--ca=${certificates.directory}/old-ca-cert.pem`;
  await Deno.copyFile(certificates.paths("client").ca, ofServer.slice("--ca=".length));
  await reload(ca + newCa.cert);
  const newcomer = await house.connect(rotated);
  await list(newcomer);
  assert.equal((await daemon.cli([ofServer, "list"])).code, 0);

  await reload(newCa.cert);
  await list(newcomer);
  const { code, stderr } = await daemon.cli([ofServer, "list"]);
  assert.equal(code, 125);
  assert.match(stderr, /it refuses the client certificate/);
});
