import { JobWorkerError } from "../../lib/errors.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { findUser, type SystemUser } from "../../lib/process/users.ts";
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

/** @param uid the daemon's */
async function found(name: string, { uid = 0 } = {}): Promise<SystemUser> {
  await using shell = new ShellOf(uid);
  return await findUser(name, shell);
}

async function refusal(...args: Parameters<typeof found>): Promise<string> {
  const error = await rejection(found(...args));
  assert.ok(error instanceof JobWorkerError, String(error));
  return `${error.code}: ${error.message}`;
}

Deno.test("findUser() finds the ids and the home of a user", async () => {
  const [nobody, daemon, root] = await Promise.all([
    found("nobody"),
    found("daemon"),
    found("root"),
  ]);
  assert.deepEqual(nobody, { name: "nobody", uid: 65534, gid: 65534, home: "/nonexistent" });
  assert.deepEqual(daemon, { name: "daemon", uid: 1, gid: 1, home: "/usr/sbin" });
  assert.deepEqual(root, { name: "root", uid: 0, gid: 0, home: "/root" });
});

Deno.test("findUser() refuses a user that the system does not have", async () => {
  assert.match(
    await refusal("no-such-user"),
    /^failed_precondition: .*"no-such-user": there is no such user/,
  );
});

Deno.test("findUser() lets a daemon that is not root run jobs as nobody but itself", async () => {
  const asDaemon = { uid: 1 };
  assert.equal((await found("daemon", asDaemon)).uid, 1);
  assert.match(
    await refusal("nobody", asDaemon),
    /^failed_precondition: .*"nobody": the daemon does not run as root/,
  );
});
