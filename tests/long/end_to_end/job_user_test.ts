// The executables run the other tests as somebody who is not root, so these have a file of their own.
import { assert } from "../../assert.ts";
import { rootTest } from "../../root.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";

/** Prints 1 if nothing that it starts gains rights by its file, see proc_pid_status(5). */
const NO_NEW_PRIVILEGES = [
  ...["--cwd", "/", "--", "sh", "-c"],
  "sed -n 's/^NoNewPrivs:\\t//p' /proc/self/status",
];

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

rootTest(
  "A job gains no rights that its user has not, unless the daemon lets it, or it is root's",
  async () => {
    await using certificates = await TestCertificates.create();
    const args = ["--job-user=nobody", "--allow-users=root"];
    await using strict = await TestDaemon.start(certificates, { args });
    const [nobody, root] = await Promise.all([
      strict.cli(["run", ...NO_NEW_PRIVILEGES]),
      strict.cli(["run", "--user", "root", ...NO_NEW_PRIVILEGES]),
    ]);
    assert.deepEqual([nobody.stdout, root.stdout], ["1\n", "0\n"], nobody.stderr + root.stderr);
    await using lenient = await TestDaemon.start(certificates, {
      args: [...args, "--new-privileges=true"],
    });
    const { stdout, stderr } = await lenient.cli(["run", ...NO_NEW_PRIVILEGES]);
    assert.equal(stdout, "0\n", stderr);
  },
);
