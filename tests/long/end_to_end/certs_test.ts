import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { COMMAND_HINTS, programLine } from "../../programs.ts";
import { until } from "../../worker/fixture.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";
import { TestProcess } from "../../end_to_end/process.ts";

/** Runs `worker-cli certs` on the directory of these certificates. */
async function certs({ directory }: TestCertificates, ...args: readonly string[]) {
  const line = programLine("worker-cli", directory, [`--allow-write=${directory}`]);
  await using process = new TestProcess([...line, "certs", ...args, "--dir", directory], {
    cwd: directory,
  });
  return await process.finished();
}

Deno.test("certs add lets one more person in, and certs revoke shuts them out at the next reload", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates);
  const { directory } = certificates;
  const added = await certs(certificates, "add", "alice", "--role", "operator", "--days", "7");
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /alice-cert\.pem .*"alice": operator\n.*alice-key\.pem/);
  const alice = [`--cert=${directory}/alice-cert.pem`, `--key=${directory}/alice-key.pem`];
  const started = await daemon.cli([...alice, "start", "--", "true"]);
  assert.equal(started.code, 0, started.stderr);

  const renewed = await certs(certificates, "renew", "alice");
  assert.equal(renewed.code, 0, renewed.stderr);
  const { stdout } = await daemon.cli([...alice, "status", "--json", started.stdout.trim()]);
  assert.equal(JSON.parse(stdout).owner, "alice");

  const listed = await certs(certificates, "list");
  assert.match(listed.stdout, /^server\tworker-daemon\t-\t\d{4}-.*\tgood\t/m);
  assert.equal(listed.stdout.match(/^client\talice\toperator\t\d{4}-.*Z\tgood\t/gm)?.length, 2);

  const revoked = await certs(certificates, "revoke", "alice");
  assert.equal(revoked.code, 0, revoked.stderr);
  assert.match(
    revoked.stderr,
    /alice is now on the deny list .*deny-list\.txt; .* at a reload: systemctl reload/,
  );
  assert.equal(revoked.stdout.trim().split("\n").length, 2);
  Deno.kill(daemon.pid, "SIGHUP");
  const refused = await until(async () => {
    const finished = await daemon.cli([...alice, "list"]);
    return finished.code !== 0 && finished;
  });
  assert.match(refused.stderr, /it refuses the client certificate\n/);
  assert.ok(refused.stderr.includes(`${COMMAND_HINTS.makeCertificates} renew`), refused.stderr);
  assert.doesNotMatch(refused.stderr, /--force/);
  const { stderr } = await daemon.outputs();
  assert.match(stderr, /Refused .*The client certificate is on the deny list/);
});
