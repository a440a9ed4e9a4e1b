import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";
import { processesOf } from "../../end_to_end/process.ts";
import { freePort } from "../../free_port.ts";
import { until } from "../../worker/fixture.ts";

Deno.test("those who follow a job or wait for it outlive a restart of the daemon, and learn its end", async () => {
  await using certificates = await TestCertificates.create();
  const address = `127.0.0.1:${freePort()}`;
  await using daemon = await TestDaemon.start(certificates, { args: [`--address=${address}`] });
  const jobId = await daemon.sh("echo ready; exec sleep 1000");
  await using follower = daemon.startCli(["output", jobId]);
  await using waiter = daemon.startCli(["wait", "--json", jobId]);
  await follower.seen(/^ready\n$/);
  await until(async () => {
    const trail = await Deno.readTextFile(`${daemon.directory}/data/audit.log`);
    return trail.includes('"method":"waitJob"');
  });
  await daemon.restart();
  assert.deepEqual(await processesOf([jobId]), []);
  const { code, stdout, stderr } = await follower.finished();
  assert.deepEqual({ code, stdout, stderr }, {
    code: 137,
    stdout: "ready\n",
    stderr: `worker-cli: Job ${jobId} cancelled: the daemon was shut down, killed by SIGKILL\n`,
  });
  const waited = await waiter.finished();
  assert.equal(waited.code, 137);
  assert.partialDeepStrictEqual(JSON.parse(waited.stdout), {
    jobId,
    status: "cancelled",
    reason: "shutdown",
    exitStatus: { signal: "SIGKILL" },
  });
});
