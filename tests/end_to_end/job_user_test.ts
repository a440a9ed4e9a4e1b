// The executables run the other tests as somebody who is not root, so these have a file of their own.
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { TestCertificates } from "../certificates.ts";
import { TestDaemon } from "./daemon.ts";

rootTest("A job runs as the user that the daemon allows", async () => {
  await using certificates = await TestCertificates.create();
  const args = ["--job-user=nobody", "--allow-users=daemon"];
  await using strict = await TestDaemon.start(certificates, { args });
  const id = ["--cwd", "/", "--", "id", "-un"];
  const [standard, allowed, refused] = await Promise.all([
    strict.cli(["run", ...id]),
    strict.cli(["run", "--user", "daemon", ...id]),
    strict.cli(["run", "--user", "root", ...id]),
  ]);
  assert.deepEqual([standard.stdout, allowed.stdout], ["nobody\n", "daemon\n"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /daemon does not allow it/);
});
