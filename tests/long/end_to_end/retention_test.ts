import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";
import { until } from "../../worker/fixture.ts";

Deno.test("Sixty jobs of one user leave another their only one when fifty are kept", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates, { args: ["--retain-count=50"] });
  const material = await certificates.material("operator");
  await daemon.withClient(async (operator) => {
    const { jobId } = await operator.startJob({ command: { name: "true" } });
    await operator.waitJob({ jobId });
    await daemon.withClient(async (admin) => {
      for (let count = 0; count < 60; count++) {
        const { jobId } = await admin.startJob({ command: { name: "true" } });
        await admin.waitJob({ jobId });
      }
      const list = () => admin.listJobs({ filter: {}, pageSize: 1_000, pageToken: "" });
      const left = await until(async () => {
        const { jobs } = await list();
        return jobs.length === 50 && jobs;
      });
      assert.equal(left.filter(({ owner }) => owner === "operator").length, 1);
      assert.equal((await operator.getJob({ jobId })).end?.status, "done");
    });
  }, material);
});
