import { messageOf } from "../../../lib/errors.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestHouse } from "../../gateway/fixture.ts";

Deno.test("A call that takes ten seconds outlives the replacement of its gateway", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const client = await house.connect();
  const script = "trap '' TERM; while :; do sleep 0.1; done";
  const { jobId } = await client.startJob({ command: { name: "sh", args: ["-c", script] } });
  const old = await house.gateway();
  const stopped = client.stopJob({ jobId, gracePeriodMs: 10_000 })
    .then(({ end }) => end?.reason, messageOf);
  Deno.kill(house.daemon.pid, "SIGHUP");
  await house.diagnosed(new RegExp(`Gateway \\d+ takes over from ${old}`));
  assert.equal(await stopped, "stopped");
});
