import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

/** What `install.sh --dry-run` says, with these files and on a machine with this systemctl. */
async function dryRun(
  from: string,
  { systemctl = "exit 1" }: { systemctl?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using path = await temporaryDirectory();
  await Deno.writeTextFile(`${path.path}/systemctl`, `#!/bin/sh\n${systemctl}\n`, { mode: 0o755 });
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: [`${ROOT}deploy/install.sh`, "--dry-run", `--from=${from}`],
    env: { PATH: `${path.path}:${Deno.env.get("PATH")}` },
  }).output();
  const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out, stderr: err };
}

Deno.test("install.sh ends with what makes this version run, whether one runs already or not", async () => {
  await using from = await temporaryDirectory();
  for (const name of ["worker-daemon", "worker-cli", "SHA256SUMS"]) {
    assert.equal(
      (await dryRun(from.path)).stderr,
      `install.sh: There is no ${name} in ${from.path}\n`,
    );
    // The sum of an empty file: all of them are empty but the last.
    const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const sums = `${sum}  worker-daemon\n${sum}  worker-cli\n`;
    await Deno.writeTextFile(`${from.path}/${name}`, name === "SHA256SUMS" ? sums : "");
  }
  const fresh = await dryRun(from.path, { systemctl: "echo 'Cannot operate' >&2; exit 1" });
  assert.deepEqual([fresh.code, fresh.stderr], [0, ""]);
  assert.match(fresh.stdout, /\n\+ systemctl enable .*\/etc\/job-worker\/worker-daemon\.service\n/);
  assert.match(fresh.stdout, /\nDone\. Start it with: systemctl start worker-daemon\n$/);
  const active = await dryRun(from.path, {
    systemctl: '[ "$*" = "is-active --quiet worker-daemon" ]',
  });
  assert.equal(active.code, 0);
  assert.match(
    active.stdout,
    /\n {2}systemctl reload worker-daemon && systemctl restart worker-daemon\n$/,
  );
});

Deno.test("install.sh says that there is no such directory to install from", async () => {
  await using place = await temporaryDirectory();
  const from = `${place.path}/none`;
  const { code, stderr } = await dryRun(from);
  assert.deepEqual([code, stderr], [1, `install.sh: There is no directory ${from}\n`]);
});
