import { killLeftovers } from "../../lib/executor/leftovers.ts";
import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { assert } from "../assert.ts";
import { TOOLS } from "../process/tools.ts";

Deno.test("killLeftovers() kills again what enters the cgroup of a job after the first time", async () => {
  await using groups = new ProcessGroups(TOOLS);
  const jobId = "01890a5d-ac96-774b-bcce-b302099a8057";
  // No process can have this id, see proc_sys_kernel(5).
  const job = { jobId, pid: 2 ** 22 + 1, containment: "cgroup" } as const;
  let kills = 0;
  await killLeftovers([{ job, processIdentity: "" }], {
    groups,
    findCgroups: () =>
      Promise.resolve({
        kill: () => Promise.resolve(void kills++),
        // The process that was just being started is there from the second look on.
        remove: () =>
          Promise.resolve(
            kills < 3 ? null : { cpuMs: null, peakMemoryBytes: null, oomKills: null },
          ),
      }),
  });
  assert.equal(kills, 3);
});

Deno.test("killLeftovers() ends launchers whose executor is gone, which may be about to become a job, and no others", async () => {
  await using groups = new ProcessGroups(TOOLS);
  const jobId = "01890a5d-ac96-774b-bcce-b302099a8058";
  const job = { jobId, pid: 2 ** 22 + 1, containment: "process_group" } as const;
  const sleep = (variables: Record<string, string>) =>
    new Deno.Command("sleep", { args: ["30"], env: variables, clearEnv: true, stdin: "null" })
      .spawn();
  const orphan = sleep({ JOB_LAUNCHER: "1" });
  const ours = sleep({ JOB_LAUNCHER: String(Deno.pid) });
  // A client may give a job such a variable.
  const other = sleep({ JOB_LAUNCHER: "1", JOB_ID: "01890a5d-ac96-774b-bcce-b302099a8059" });
  await killLeftovers([{ job, processIdentity: "" }], {
    groups,
    findCgroups: () => Promise.resolve(null),
  });
  assert.equal((await orphan.status).signal, "SIGKILL");
  for (const child of [ours, other]) {
    child.kill("SIGTERM");
    assert.equal((await child.status).signal, "SIGTERM");
  }
});
