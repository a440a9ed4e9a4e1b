import { SYSTEM_RIGHTS, type SystemRights } from "../../../build/rights.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { rootTest } from "../../root.ts";
import { fieldOf, GATEWAY, gatewayOf, Stage } from "../end_to_end/gateway_stage.ts";

/** By their uids; that of `nobody` is the same everywhere. */
const USERS: Readonly<Record<string, SystemRights["user"]>> = {
  0: "root",
  [GATEWAY.uid]: "--gateway-user",
  65534: "--job-user",
};

/** The rights of a process, as its status has them. */
function rightsIn(status: string, all: bigint): Omit<SystemRights, "why"> & { groups: string } {
  const capabilities = (name: string) => {
    const set = BigInt(`0x${fieldOf(status, name)}`);
    assert.ok(set === 0n || set === all, `${name} is ${set.toString(16)}`);
    return set === 0n ? "none" : "all";
  };
  const [uid, ...others] = fieldOf(status, "Uid").split("\t");
  assert.ok(others.every((one) => one === uid), status);
  assert.equal(capabilities("CapPrm"), capabilities("CapEff"));
  const user = USERS[uid ?? ""];
  assert.ok(user !== undefined, status);
  return {
    user,
    effective: capabilities("CapEff"),
    bounding: capabilities("CapBnd"),
    noNewPrivileges: fieldOf(status, "NoNewPrivs") === "1",
    groups: fieldOf(status, "Groups"),
  };
}

rootTest(
  "Each role of a daemon of root has the rights that docs/permissions.md says, and no others",
  async () => {
    await using certificates = await TestCertificates.create();
    await using stage = await Stage.make();
    await using daemon = await stage.start(certificates);
    const own = await Deno.readTextFile("/proc/self/status");
    const all = BigInt(`0x${fieldOf(own, "CapBnd")}`);
    const jobId = await daemon.sh("exec sleep 1000", "--cwd", "/");
    const { stdout } = await daemon.cli(["status", "--json", jobId]);
    const statusOf = (pid: number) => Deno.readTextFile(`/proc/${pid}/status`);
    const [executor, ...more] = await executorsIn(`${daemon.directory}/data`);
    assert.ok(executor !== undefined && more.length === 0);
    const statuses = {
      engine: await statusOf(daemon.pid),
      executor: await statusOf(executor),
      gateway: (await gatewayOf(daemon)).status,
      job: await statusOf(JSON.parse(stdout).pid),
    };
    for (const [role, { why: _why, ...expected }] of Object.entries(SYSTEM_RIGHTS)) {
      const { groups, ...rights } = rightsIn(statuses[role as keyof typeof statuses], all);
      assert.deepEqual(rights, expected, role);
      if (role === "gateway") assert.equal(groups, "");
    }
  },
);
