import { JobWorkerError } from "../../lib/errors.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import type { UserPolicy } from "../../lib/job/user_policy.ts";
import { chooseUser, type SystemUser } from "../../lib/process/users.ts";
import { assert } from "../assert.ts";
import { rejection } from "../worker/fixture.ts";

/** The kernel of this machine, for a daemon that has the given user id. */
class ShellOf extends ProcShell {
  readonly #uid: number;

  constructor(uid: number) {
    super({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
    this.#uid = uid;
  }

  override ask(request: string): Promise<string> {
    return request === "uid" ? Promise.resolve(String(this.#uid)) : super.ask(request);
  }
}

const OWN: UserPolicy = { default: "", allowed: [] };
const NOBODY: UserPolicy = { default: "nobody", allowed: ["daemon"] };

async function chosen(
  asked: string,
  policy: UserPolicy,
  { uid = 0 } = {},
): Promise<SystemUser | null> {
  await using shell = new ShellOf(uid);
  return await chooseUser(asked, policy, shell);
}

async function refusal(...args: Parameters<typeof chosen>): Promise<string> {
  const error = await rejection(chosen(...args));
  assert.ok(error instanceof JobWorkerError, String(error));
  return `${error.code}: ${error.message}`;
}

Deno.test("chooseUser() takes the daemon's own where nobody says otherwise", async () => {
  assert.equal(await chosen("", OWN), null);
  assert.equal(await chosen("", OWN, { uid: 1000 }), null);
});

Deno.test("chooseUser() takes the policy's own, and those that it allows", async () => {
  const [byDefault, byName, allowed, any] = await Promise.all([
    chosen("", NOBODY),
    chosen("nobody", NOBODY),
    chosen("daemon", NOBODY),
    chosen("root", { default: "", allowed: "any" }),
  ]);
  assert.deepEqual(byDefault, { name: "nobody", uid: 65534, gid: 65534, home: "/nonexistent" });
  assert.deepEqual(byName, byDefault);
  assert.deepEqual(allowed, { name: "daemon", uid: 1, gid: 1, home: "/usr/sbin" });
  assert.deepEqual(any, { name: "root", uid: 0, gid: 0, home: "/root" });
});

Deno.test("chooseUser() refuses whom the policy does not name, root above all", async () => {
  assert.match(await refusal("root", NOBODY), /^permission_denied: .*"root".*--allow-users/);
  assert.match(await refusal("daemon", OWN), /^permission_denied: /);
});

Deno.test("chooseUser() refuses a user that the system does not have", async () => {
  const any: UserPolicy = { default: "", allowed: "any" };
  assert.match(
    await refusal("no-such-user", any),
    /^failed_precondition: .*"no-such-user": there is no such user/,
  );
  const gone: UserPolicy = { default: "no-such-user", allowed: [] };
  assert.match(await refusal("", gone), /^failed_precondition: .*no such user/);
});

Deno.test("chooseUser() lets a daemon that is not root choose nobody but itself", async () => {
  const asDaemon = { uid: 1 };
  assert.equal((await chosen("daemon", NOBODY, asDaemon))?.uid, 1);
  assert.match(
    await refusal("", NOBODY, asDaemon),
    /^failed_precondition: .*"nobody": the daemon does not run as root/,
  );
});
