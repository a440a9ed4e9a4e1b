import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";

Deno.test("start beyond --max-running-per-user is refused, says so, and takes nothing from others", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates, {
    args: ["--max-running=2", "--max-running-per-user=1"],
  });
  const start = (user: "client" | "operator") => daemon.cli(["start", "--", "sleep", "1000"], user);
  const first = await start("client");
  assert.equal(first.code, 0, first.stderr);
  const second = await start("client");
  assert.deepEqual([second.code, second.stderr], [
    125,
    'worker-cli: Cannot start the job: user "admin" already has as many jobs running as one user may, 1 ' +
    "(the daemon's --max-running-per-user); stop one of them, or have the job wait until one has ended (--queue)\n",
  ]);
  const other = await start("operator");
  assert.equal(other.code, 0, other.stderr);
  await daemon.cli(["stop", first.stdout.trim()]);
  assert.equal((await start("client")).code, 0);
});
