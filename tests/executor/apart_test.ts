import { fileURLToPath } from "node:url";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { cgroupRoot } from "../worker/races.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./apart.ts"));

/** As systemd has it for a unit that is active, which it may be without a cgroup. */
const WITH_JOBS_UNIT = "ln -s id /run/systemd/units/invocation:worker-daemon-jobs.service";

/**
 * Runs the program as the service `worker-daemon.service` of a slice of its own.
 *
 * @param prepare a shell command, with a `/run` of its own
 */
async function runAsService(prepare: string): Promise<Record<string, unknown>> {
  const root = await cgroupRoot();
  assert.ok(root !== null, "cgroup v2 cannot be written here");
  await using directory = await temporaryDirectory();
  const slice = `${
    root.replace(/\/job-worker$/, "")
  }/test-${Deno.pid}-${crypto.randomUUID()}.slice`;
  const service = `${slice}/worker-daemon.service`;
  await Deno.mkdir(service, { recursive: true });
  try {
    const script = `mount -t tmpfs none /run && mkdir -p /run/systemd/units && ${prepare}
      echo $$ >"${service}/cgroup.procs" && exec "$@"`;
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        ...["--mount", "sh", "-c", script, "sh", Deno.execPath(), "run", "--quiet", "--no-check"],
        ...["-A", PROGRAM, directory.path],
      ],
    }).output();
    assert.equal(new TextDecoder().decode(stderr), "");
    const found = JSON.parse(new TextDecoder().decode(stdout));
    const below = slice.split("/").at(-1) ?? "";
    for (const name of ["own", "job"]) found[name] = found[name].split(`${below}/`)[1];
    return found;
  } finally {
    await removeCgroups(slice);
  }
}

/** Removes cgroups that hold nothing but cgroups. */
async function removeCgroups(path: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await removeCgroups(`${path}/${name}`);
  }
  await Deno.remove(path);
}

rootTest("An executor and its jobs move to the service for jobs, if that is active", async () => {
  const { isApart, own, job } = await runAsService(WITH_JOBS_UNIT);
  assert.equal(isApart, true);
  assert.equal(own, "worker-daemon-jobs.service/executor");
  assert.match(String(job), /^worker-daemon-jobs\.service\/job-worker\/01890a5d-/);
});

rootTest("Without a service for jobs they stay in that of the daemon", async () => {
  const { isApart, own, job } = await runAsService("true");
  assert.equal(isApart, false);
  assert.equal(own, "worker-daemon.service/daemon");
  assert.match(String(job), /^worker-daemon\.service\/job-worker\/01890a5d-/);
});
