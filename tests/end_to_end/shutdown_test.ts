import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { until } from "../worker/fixture.ts";
import { TestDaemon } from "./daemon.ts";
import { processesOf } from "./process.ts";

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`the daemon ends at ${signal} with its jobs and all that they started`, async () => {
    await using certificates = await TestCertificates.create();
    await using daemon = await TestDaemon.start(certificates);
    const ids = await Promise.all([
      daemon.sh("sleep 1000"),
      daemon.sh("sleep 1000 & sh -c 'sleep 1000 & sleep 1000' & set -m; sleep 1000 & wait"),
      daemon.sh("trap '' TERM INT HUP; while :; do sleep 1; done"),
      daemon.sh("yes"),
    ]);
    await until(async () => (await processesOf(ids)).length >= 8);
    const { code, stderr } = await daemon.stop(signal);
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`INFO Shutting down: ${signal}`));
    assert.deepEqual(await processesOf(ids), []);
  });
}

Deno.test("--shutdown-grace gives the jobs SIGTERM and that long to end by themselves", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates, { args: ["--shutdown-grace=1m"] });
  const path = `${daemon.directory}/last-words`;
  const jobId = await daemon.sh(
    `trap 'echo done >${path}; exit 0' TERM; echo >${path}; while :; do sleep 0.02; done`,
  );
  await until(() => Deno.stat(path).then(() => true, () => false));
  assert.equal((await daemon.stop()).code, 0);
  assert.deepEqual(await processesOf([jobId]), []);
  assert.equal(await Deno.readTextFile(path), "done\n");
});
