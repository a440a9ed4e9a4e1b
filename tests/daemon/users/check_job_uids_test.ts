import { checkJobUids, whyTaken } from "../../../lib/daemon/users/check_job_uids.ts";
import { assert } from "../../assert.ts";
import { TOOLS } from "../../process/tools.ts";
import { rootTest } from "../../root.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

const OWNERS = {
  users: "root:x:0:0:root:/root:/bin/sh\nbuild:x:2000:2001::/home/build:/bin/sh\n",
  groups: "root:x:0:\nstaff:x:3000:root,build\n",
  delegations: new Map([
    ["/etc/subuid", "# none\nbuild:100000:65536\n"],
    ["/etc/subgid", "build:400000:1\n\n"],
  ]),
};

Deno.test("whyTaken() names who has one of the ids, be it the first or the last", () => {
  const rows: readonly (readonly [first: number, last: number, why: string | null])[] = [
    [2_001, 2_999, null],
    [2_000, 2_999, '2000 belongs to the user "build"'],
    [1_000, 2_000, '2000 belongs to the user "build"'],
    [2_001, 3_000, '3000 belongs to the group "staff"'],
    [3_001, 99_999, null],
    [3_001, 100_000, '100000 to 165535 belong to "build", see /etc/subuid'],
    [120_000, 130_000, '100000 to 165535 belong to "build", see /etc/subuid'],
    [165_535, 165_535, '100000 to 165535 belong to "build", see /etc/subuid'],
    [165_536, 399_999, null],
    [400_000, 500_000, '400000 to 400000 belong to "build", see /etc/subgid'],
  ];
  for (const [first, last, why] of rows) {
    assert.equal(whyTaken({ first, last }, OWNERS), why, `${first}-${last}`);
  }
});

rootTest("checkJobUids() takes no ids whose owners cannot be found out", async () => {
  const jobUids = { first: 2_123_450_000, last: 2_123_450_009 };
  await assert.rejects(
    // A setsid(1) that starts nothing: getent(1) cannot answer.
    checkJobUids({ jobUids, jobHomes: "/run/job-worker-homes" }, "/bin/false"),
    /^JobWorkerError: --job-uids 2123450000-2123450009: getent\(1\) cannot tell now who has these ids/,
  );
});

rootTest(
  "checkJobUids() takes a directory that jobs can pass through, and only root can change",
  async () => {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    const jobUids = { first: 2_123_450_000, last: 2_123_450_009 };
    const check = (jobHomes: string) => checkJobUids({ jobUids, jobHomes }, TOOLS.setsid);
    await assert.rejects(
      check(`${path}/a/homes`),
      /a\/homes": jobs may not pass through ".*"; .*--job/,
    );
    await Deno.chmod(path, 0o711);
    await check(`${path}/a/homes`);
    await Deno.mkdir(`${path}/homes`);
    for (
      const [mode, why] of [[0o777, /others than root/], [0o1777, /others than root/]] as const
    ) {
      await Deno.chmod(`${path}/homes`, mode);
      await assert.rejects(check(`${path}/homes`), why);
    }
    await Deno.chmod(`${path}/homes`, 0o755);
    await check(`${path}/homes`);
    await Deno.chown(path, 65534, 65534);
    await assert.rejects(check(`${path}/homes`), /others than root may change "\S+"/);
    await Deno.chown(path, 0, 0);
    await Deno.writeTextFile(`${path}/file`, "");
    await assert.rejects(check(`${path}/file`), /"\S+\/file" is not a directory/);
  },
);
