import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { daemonLine, WITHOUT_REST } from "../../end_to_end/daemon.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";

Deno.test("A daemon that cannot serve leaves the jobs that it has taken up to the next one", async () => {
  await using directory = await temporaryDirectory();
  await using certificates = await TestCertificates.create();
  const { path } = directory;
  const first = await MortalDaemon.start(certificates, path);
  const script = `while [ ! -e ${path}/end ]; do sleep 0.05; done; exit 7`;
  const { jobId } = await first.withClient((client) =>
    client.startJob({ command: { name: "sh", args: ["-c", script] } })
  );
  await first.kill();
  {
    const [hostname = "", port = ""] = first.address.split(":");
    using _taken = Deno.listen({ hostname, port: Number(port) });
    await using second = new TestProcess(
      daemonLine(certificates, path, [`--address=${first.address}`]),
      { cwd: path, env: WITHOUT_REST },
    );
    const { code, stderr } = await second.finished();
    assert.equal(code, 1, stderr);
    assert.match(stderr, /is in use/);
  }
  await using third = await MortalDaemon.start(certificates, path);
  await third.withClient(async (client) => {
    assert.equal((await client.getJob({ jobId })).end, null);
    await Deno.writeTextFile(`${path}/end`, "");
    assert.deepEqual((await client.waitJob({ jobId })).end?.exitStatus, { code: 7 });
  });
});
