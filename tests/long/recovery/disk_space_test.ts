import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";
import { NO_SMALL_DISK, SmallDisk } from "../../small_disk.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

Deno.test({
  name:
    `the daemon stays up while its disk is full, and works again when it is not${NO_SMALL_DISK}`,
  ignore: NO_SMALL_DISK !== "",
  async fn() {
    await using disk = await SmallDisk.mount(4);
    await using daemon = await MortalDaemon.start(certificates, disk.path);
    const [kept, running] = await Promise.all([
      daemon.cli(["start", "--", "echo", "kept"]),
      daemon.cli(["start", "--", "sleep", "1000"]),
    ]);
    assert.deepEqual([kept.stderr, running.stderr], ["", ""]);
    const [keptId, runningId] = [kept.stdout.trim(), running.stdout.trim()];
    assert.equal((await daemon.cli(["wait", keptId])).code, 0);
    await disk.fill();

    let refused;
    do {
      // A little room may be left in what was taken before; it is used up soon.
      refused = await daemon.cli(["start", "--env", `A=${"x".repeat(100_000)}`, "--", "true"]);
    } while (refused.code === 0);
    assert.equal(refused.code, 125);
    // Whichever of the two found no room first.
    assert.match(
      refused.stderr,
      /^worker-cli: Cannot (record jobs: database or disk is full|write the audit trail .* No space)/,
    );
    const [log, list, health] = await Promise.all([
      daemon.cli(["logs", "all", keptId]),
      daemon.cli(["list", "running"]),
      daemon.cli(["health"]),
    ]);
    const stop = await daemon.cli(["stop", runningId]);
    assert.deepEqual([log.code, log.stdout], [0, "kept\n"]);
    assert.match(list.stdout, new RegExp(runningId));
    assert.deepEqual([stop.code, stop.stderr], [0, ""]);
    assert.deepEqual([health.code, health.stdout], [0, "serving\n"]);

    await disk.free();
    const run = await daemon.cli(["run", "--", "echo", "again"]);
    assert.deepEqual([run.code, run.stdout], [0, "again\n"]);
    assert.match((await daemon.cli(["status", runningId])).stdout, /cancelled: stopped by a user/);
  },
});

Deno.test("the daemon bounds logs and the past, as its options and each user say", async () => {
  await using directory = await temporaryDirectory();
  await using daemon = await MortalDaemon.start(certificates, directory.path, [
    "--log-limit=2MiB",
    "--log-policy=end-job",
    "--cgroups=false",
  ]);
  const [ended, kept] = await Promise.all([
    daemon.cli(["run", "--", "yes"]),
    daemon.cli(
      [
        "start",
        "--log-limit=1MiB",
        "--log-policy=keep-newest",
        "--",
        "sh",
        "-c",
        "yes | head -c 3000000",
      ],
      "operator",
    ),
  ]);
  assert.equal(ended.code, 143);
  const keptId = kept.stdout.trim();
  await daemon.cli(["wait", keptId], "operator");
  const output = await daemon.cli(["output", keptId], "operator");
  const gap = /bytes of output, from byte 0 up to byte (\d+), are missing:/.exec(output.stderr);
  assert.equal(output.code, 0, output.stderr);
  assert.equal(Number(gap?.[1]) + output.bytes.byteLength, 3_000_000);
  const { stdout: status } = await daemon.cli(["status", keptId], "operator");
  assert.match(status, /^Log: +\S+ of 1MiB, keep-newest$/m);
  const [failed = ""] = (await daemon.cli(["list", "failed", "--json"])).stdout.split("\n");
  const { reason, detail, logLimit, jobId: endedId } = JSON.parse(failed);
  assert.deepEqual([reason, logLimit], ["log_limit", { bytes: 2 ** 21, policy: "end_job" }]);
  assert.match(detail, /limit of 2097152 bytes/);
  const small = await daemon.cli(["start", "--log-limit=1000", "--", "true"]);
  assert.deepEqual([small.code, small.stdout], [2, ""]);
  assert.match(
    small.stderr,
    /'--log-limit <size>' argument '1000' is invalid\. 1000 bytes is too small; did you mean 1000MiB\?/,
  );

  // A viewer may remove nothing, and an operator only jobs of its own.
  const viewer = await daemon.cli(["prune", "--keep=0"], "viewer");
  assert.deepEqual([viewer.code, viewer.stdout], [125, ""]);
  assert.match(viewer.stderr, /Permission denied: user "viewer"/);
  const foreign = await daemon.cli(["prune", "--keep=0", "--owner=admin"], "operator");
  assert.match(foreign.stderr, /Removed 0 jobs/);
  const dry = await daemon.cli(["prune", "--keep=0", "--dry-run"]);
  assert.match(dry.stderr, /Would remove 2 jobs with /);
  const own = await daemon.cli(["prune", "--keep=0"], "operator");
  assert.match(own.stdout, new RegExp(`^${keptId}\tdone\t[^\n]+\n$`));
  const rest = await daemon.cli(["prune", "--keep-bytes=0", "--json"]);
  const [job, sum] = rest.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(job.jobId, endedId);
  assert.equal(sum.pruned.count, 1);
  assert.equal((await daemon.cli(["list"])).stdout, "");
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${directory.path}/data/logs`)), []);
});
