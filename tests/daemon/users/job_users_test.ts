import { JobUserMap } from "../../../lib/auth/job_user_map.ts";
import { JobUsers } from "../../../lib/daemon/users/job_users.ts";
import { assert } from "../../assert.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

const SETSID = "/usr/bin/setsid";

Deno.test("JobUsers.open() reads the map unless it is given what has just been read of it", async () => {
  await using directory = await temporaryDirectory();
  const options = { jobUserMap: `${directory.path}/map`, gatewayUser: "" };
  const map = JobUserMap.parse("alice svc-alice\n", options.jobUserMap);
  const known = await JobUsers.open(options, SETSID, map);
  assert.equal(known.userOf({ user: "alice", roles: [] }), "svc-alice");
  await assert.rejects(JobUsers.open(options, SETSID), { code: "failed_precondition" });
  assert.equal(
    (await JobUsers.open(options, SETSID, null)).userOf({ user: "a", roles: [] }),
    undefined,
  );
});
