import { JobWorkerError } from "../../lib/errors.ts";
import { chooseUser, type UserPolicy } from "../../lib/job/user_policy.ts";
import { assert } from "../assert.ts";

const OWN: UserPolicy = { jobUser: "", allowUsers: [] };
const NOBODY: UserPolicy = { jobUser: "nobody", allowUsers: ["daemon"] };

Deno.test("chooseUser() takes the default of the policy where the request names nobody", () => {
  assert.equal(chooseUser("", OWN), "");
  assert.equal(chooseUser("", NOBODY), "nobody");
});

Deno.test("chooseUser() takes the default, and those that the policy allows, by name", () => {
  assert.equal(chooseUser("nobody", NOBODY), "nobody");
  assert.equal(chooseUser("daemon", NOBODY), "daemon");
  assert.equal(chooseUser("root", { jobUser: "", allowUsers: "any" }), "root");
});

Deno.test("chooseUser() refuses whom the policy does not name, root above all", () => {
  for (const [asked, policy] of [["root", NOBODY], ["daemon", OWN]] as const) {
    assert.throws(() => chooseUser(asked, policy), (error) => {
      assert.ok(error instanceof JobWorkerError);
      assert.deepEqual([error.code, error.field], ["permission_denied", "execution.user"]);
      assert.match(error.message, new RegExp(`"${asked}".*--allow-users`));
      return true;
    });
  }
});
