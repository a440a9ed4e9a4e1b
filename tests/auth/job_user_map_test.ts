import type { Role } from "../../lib/auth/identity.ts";
import { JobUserMap } from "../../lib/auth/job_user_map.ts";
import { JobWorkerError, NO_JOB_USER } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const MAP = JobUserMap.parse(
  `# Whose jobs  Run as
role:viewer     looks
alice           svc-alice   # on loan
"Bob Smith"\tsvc-bob\r
  role:operator jobs

"role:admin"    odd
*               nobody
"*"             star
`,
  "map",
);

/** Who the jobs of somebody with these roles run as. */
function userOf(map: JobUserMap, user: string, ...roles: Role[]): string {
  return map.userOf({ user, roles });
}

Deno.test("JobUserMap goes by the owner, then by the first line for a role, then by the line for everybody", () => {
  const rows: readonly (readonly [user: string, roles: Role[], expected: string])[] = [
    ["alice", ["operator"], "svc-alice"],
    ["Bob Smith", [], "svc-bob"],
    ["carol", ["operator"], "jobs"],
    ["carol", ["operator", "viewer"], "looks"],
    ["carol", ["admin"], "nobody"],
    ["Alice", [], "nobody"],
    ["role:admin", ["operator"], "odd"],
    ["*", [], "star"],
    ["operator", [], "nobody"],
  ];
  for (const [user, roles, expected] of rows) {
    assert.equal(userOf(MAP, user, ...roles), expected, `${user}, ${roles}`);
  }
  assert.deepEqual(
    MAP.users,
    new Set(["looks", "svc-alice", "svc-bob", "jobs", "odd", "nobody", "star"]),
  );
});

Deno.test("JobUserMap tells all users that an owner's jobs may have, whatever the roles", () => {
  assert.deepEqual(MAP.usersOf("alice"), ["svc-alice"]);
  assert.deepEqual(MAP.usersOf("carol"), ["looks", "jobs", "nobody"]);
  assert.deepEqual(JobUserMap.parse("alice svc-alice", "m").usersOf("bob"), []);
});

Deno.test("JobUserMap refuses those whom no line is about, where there is none for everybody", () => {
  const map = JobUserMap.parse("alice svc-alice\nrole:operator jobs", "/etc/map");
  for (const roles of [[], ["viewer"]] as Role[][]) {
    assert.throws(() => userOf(map, "bob", ...roles), (error) => {
      assert.ok(error instanceof JobWorkerError);
      assert.deepEqual([error.code, error.reason], ["permission_denied", NO_JOB_USER]);
      assert.match(error.message, /"bob".*--job-user-map "\/etc\/map"/);
      return true;
    });
  }
  assert.throws(() => userOf(JobUserMap.parse("", "m"), "alice", "admin"), JobWorkerError);
});

const FAULTS: readonly (readonly [text: string, says: RegExp])[] = [
  ["\n# x\nalice", /line 3 of .*"m": expected an owner.* not "alice"/],
  ["alice svc-alice other", /line 1 .*expected an owner/],
  ["Bob Smith svc-bob", /line 1 .*in "quotes"/],
  ['"bob svc-bob', /line 1 .*expected an owner/],
  ["alice #svc", /line 1 .*"#svc" is not the name of a user/],
  ["alice 0", /line 1 .*"0" is not the name of a user/],
  ["alice ../x", /line 1 .*"..\/x" is not the name of a user/],
  ['"" nobody', /line 1 .*"" cannot be the name of an owner/],
  [`${"a".repeat(65)} nobody`, /line 1 .*cannot be the name of an owner/],
  ["al\u200bice nobody", /line 1 .*cannot be the name of an owner/],
  ["role:deploy nobody", /line 1 .*no role "deploy": use admin, operator, viewer/],
  ["role: nobody", /line 1 .*no role ""/],
  ["alice a\nbob b\nalice c", /line 3 .*already is a line for "alice"/],
  ["* a\n* b", /line 2 .*already is a line for "\*"/],
  [`${"#\n".repeat(10_000)}alice a`, /line 10001 .*there may be 10000 lines/],
];

for (const [text, says] of FAULTS) {
  Deno.test(`JobUserMap refuses ${JSON.stringify(text.slice(-40))} as a whole`, () => {
    assert.throws(() => JobUserMap.parse(`${text}\n`, "m"), (error) => {
      assert.ok(error instanceof JobWorkerError);
      assert.equal(error.code, "failed_precondition");
      assert.match(error.message, says);
      return true;
    });
  });
}

Deno.test("JobUserMap.userFault() names the first line with a user", () => {
  const map = JobUserMap.parse("* nobody\n\nbob x\nalice x", "m");
  const { message } = map.userFault("x", "gone");
  assert.equal(message, 'Cannot use line 3 of the map of users "m": user "x": gone');
});

Deno.test("JobUserMap.load() reads what only we can change, and no more than a mebibyte", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/map`;
  const why = /Cannot use the map of users "\S+\/map": /;
  await assert.rejects(JobUserMap.load(path), why);
  await Deno.writeTextFile(path, "alice svc-alice", { mode: 0o600 });
  assert.equal(userOf(await JobUserMap.load(path), "alice"), "svc-alice");
  await Deno.chmod(path, 0o664);
  await assert.rejects(JobUserMap.load(path), /others than its owner may change it/);
  await Deno.chmod(path, 0o600);
  await Deno.writeTextFile(path, "#".repeat(1024 * 1024 + 1));
  await assert.rejects(JobUserMap.load(path), /larger than 1MiB/);
});
