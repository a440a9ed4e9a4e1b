import { assert } from "../../assert.ts";
import { linesOf } from "../../service/audit_log_fixture.ts";
import { until } from "../../worker/fixture.ts";
import { sharedDaemon } from "../../end_to_end/daemon.ts";

const daemon = await sharedDaemon();

Deno.test("worker-cli audit shows an admin what was done, and that it was looked at; nobody else", async () => {
  const jobId = await daemon.ran("exit 0 # --token=hunter2");
  assert.notEqual((await daemon.cli(["stop", jobId], "viewer")).code, 0);
  const { code, stdout, stderr } = await daemon.cli([
    "--json",
    "audit",
    "--job",
    jobId.slice(0, 20),
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = linesOf(stdout).map((
    { user, method, decision, argv },
  ) => [user, method, decision, ...(argv === undefined ? [] : [argv])]);
  assert.deepEqual(lines, [
    ["admin", "startJob", "allowed", ["sh", "-c", "exit 0 # --token=***"]],
    ["admin", "waitJob", "allowed"],
    ["viewer", "stopJob", "denied"],
  ]);
  const denied = await daemon.cli(["audit", "--denied", "--user=viewer", "--method=stopJob"]);
  assert.match(
    denied.stdout,
    new RegExp(`\tviewer\tdenied\tpermission_denied\tstopJob\t${jobId}\t`),
  );

  for (const user of ["operator", "viewer"] as const) {
    const refused = await daemon.cli(["audit"], user);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /may not call streamAudit/);
  }
  const reads = await daemon.cli(["--json", "audit", "--method", "streamAudit"]);
  // The last line is its own.
  assert.deepEqual(
    linesOf(reads.stdout).slice(-3).map(({ user, result }) => [user, result]),
    [["operator", "permission_denied"], ["viewer", "permission_denied"], ["admin", "opened"]],
  );
});

Deno.test("worker-cli audit --follow prints what comes, across another file", async () => {
  await using follower = daemon.startCli(["audit", "--follow", "--since=1h", "--method=startJob"]);
  const first = await daemon.ran("exit 0");
  await follower.seen(new RegExp(first));
  const trail = `${daemon.directory}/data/audit.log`;
  const { ino } = await Deno.stat(trail);
  await Deno.rename(trail, `${trail}.1`);
  Deno.kill(daemon.pid, "SIGHUP");
  await until(async () => (await Deno.stat(trail).catch(() => null))?.ino !== ino);
  const second = await daemon.ran("exit 0");
  await follower.seen(new RegExp(second));
  follower.kill("SIGINT");
  assert.equal((await follower.finished()).code, 130);
});
