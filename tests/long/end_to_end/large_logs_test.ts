import { assert } from "../../assert.ts";
import { sharedDaemon } from "../../end_to_end/daemon.ts";
import { randomBytes, sha256, until } from "../../worker/fixture.ts";

const daemon = await sharedDaemon();

Deno.test("a follower that does not read holds up neither the job nor another follower", async () => {
  const bytes = randomBytes(24 * 1024 * 1024);
  const path = `${daemon.directory}/random`;
  await Deno.writeFile(path, bytes);
  const jobId = await daemon.sh(`cat ${path}`);
  const [program = "", ...args] = daemon.cliLine(["logs", "stdout", jobId, "--follow"]);
  const stalled = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const eager = await daemon.cli(["logs", "stdout", jobId, "--follow"]);
  assert.equal(await sha256(eager.bytes), await sha256(bytes));
  await until(async () => (await daemon.cli(["list", "running"])).stdout === "");
  const late = new Uint8Array(await new Response(stalled.stdout).arrayBuffer());
  assert.equal(await sha256(late), await sha256(bytes));
  assert.equal((await stalled.status).code, 0);
});

Deno.test("logs without --follow ends although the job prints faster than anybody reads", async () => {
  const limit = 16 * 1024 ** 2;
  const start = await daemon.printed("start", "--log-limit=16MiB", "--", "yes");
  const jobId = start.stdout.trim();
  await until(async () => {
    const job = JSON.parse((await daemon.printed("status", jobId, "--json")).stdout);
    return job.stdoutBytes > limit;
  });
  const [tail, all, stamped, stderr] = await Promise.all([
    daemon.printed("logs", "all", jobId, "--tail", "10"),
    daemon.printed("logs", "stdout", jobId),
    daemon.printed("logs", "all", jobId, "--timestamps", "--tail=3"),
    daemon.printed("logs", "stderr", jobId),
  ]);
  const missing = /^(worker-cli: \d+ bytes of output, from .* are missing: .*\n)+$/;
  // The job may have written the whole log anew before they are read, which is told then.
  if (tail.stderr === "") assert.match(tail.stdout, /^(y\n){9}y\n?$/);
  else assert.match(tail.stderr, missing);
  if (stamped.stderr === "") assert.match(stamped.stdout, /^(\S+Z y\n){2}\S+Z y\n?$/);
  else assert.match(stamped.stderr, missing);
  assert.ok(all.stdout.length <= limit, `${all.stdout.length} bytes`);
  assert.match(all.stderr, missing);
  assert.equal(stderr.stdout, "");
  await daemon.printed("stop", jobId);
});
