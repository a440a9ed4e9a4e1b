/** A host whose certificates in its fleet have expired, or soon will: a real daemon. Its hub and NATS are away. */

import { assert } from "../../assert.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { AS_ROOT, programLine } from "../../programs.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { datedJoinFile, expired, goodFor } from "../../fleet/dated.ts";
import { FleetDaemon } from "../../fleet/test_daemons.ts";
import { TestHub } from "../../fleet/test_hub.ts";

/** The daemon of a host that has joined. */
function daemonOf(hub: TestHub, host: string, directory: string): FleetDaemon {
  return new FleetDaemon(directory, [
    `--cert=${hub.directory}/certs/server-cert.pem`,
    `--key=${hub.directory}/certs/server-key.pem`,
    `--ca=${hub.directory}/certs/ca-cert.pem`,
    `--fleet=${hub.joinPath(host)}`,
    ...AS_ROOT,
  ]);
}

/** What a job prints that is run by the host's own API. */
async function printedBy(hub: TestHub, { address }: FleetDaemon, ...job: string[]) {
  const certs = `${hub.directory}/certs`;
  await using cli = new TestProcess([
    ...programLine("worker-cli", hub.directory),
    ...[`--address=${address}`, `--ca=${certs}/ca-cert.pem`],
    ...[`--cert=${certs}/client-cert.pem`, `--key=${certs}/client-key.pem`],
    ...["run", "--", ...job],
  ], { cwd: hub.directory });
  const { code, stdout, stderr } = await cli.finished();
  assert.equal(code, 0, stderr);
  return stdout;
}

/** How many of the processes of a daemon are agents. */
async function agentsOf({ pid }: FleetDaemon): Promise<number> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  const lines = await Promise.all(
    children.trim().split(" ").map((child) =>
      Deno.readTextFile(`/proc/${child}/cmdline`).catch(() => "")
    ),
  );
  return lines.filter((line) => /\0agent\0$/.test(line)).length;
}

Deno.test("A host whose certificates have expired serves its own API, and says why it is in no fleet", async () => {
  await using hub = await TestHub.make("web-1");
  await datedJoinFile(hub, "web-1", expired());
  await using directory = await temporaryDirectory();
  await using daemon = daemonOf(hub, "web-1", directory.path);
  await daemon.start();
  assert.equal(await printedBy(hub, daemon, "echo", "hi"), "hi\n");
  const said = daemon.errors.match(/^.*\bfleet\b.*$/gm) ?? [];
  assert.equal(said.length, 1, daemon.errors);
  assert.match(
    String(said[0]),
    /takes no part in its fleet, .* in \S+web-1\.join, tls\.cert expired on 20\S+Z; run `worker-daemon host add web-1 --force` /,
  );
  assert.equal(await agentsOf(daemon), 0);
  await daemon.kill("SIGTERM");

  await Deno.remove(hub.joinPath("web-1"));
  await hub.add("web-1", "--force");
  await daemon.start();
  await daemon.agent();
  assert.doesNotMatch(daemon.errors, /takes no part/);
});

Deno.test("A host whose certificates will have expired in some days says so, and takes part", async () => {
  await using hub = await TestHub.make("web-1");
  await datedJoinFile(hub, "web-1", goodFor(10));
  await using directory = await temporaryDirectory();
  await using daemon = daemonOf(hub, "web-1", directory.path);
  await daemon.start();
  await daemon.says(
    /certificate of this host in its fleet, in \S+web-1\.join, expires in 10 days: /,
  );
  await daemon.agent();
});
