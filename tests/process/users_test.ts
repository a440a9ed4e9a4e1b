import { JobWorkerError } from "../../lib/errors.ts";
import { KnownUsers } from "../../lib/process/known_users.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { findUser, type SystemUser } from "../../lib/process/users.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { rejection } from "../worker/fixture.ts";

/** The kernel of this machine, for a daemon that has the given user id. */
class ShellOf extends ProcShell {
  readonly #uid: number;
  /** How often it was asked who we are. */
  uidAsked = 0;
  readonly #ours: string | undefined;

  /** @param ours its users and groups, as `proc_shell.sh` says them */
  constructor(uid: number, ours?: string) {
    super({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
    this.#uid = uid;
    this.#ours = ours;
  }

  override ask(request: string): Promise<string> {
    if (request === "uid") {
      this.uidAsked++;
      return Promise.resolve(String(this.#uid));
    }
    if (request === "ours" && this.#ours !== undefined) return Promise.resolve(this.#ours);
    return super.ask(request);
  }
}

/** @param uid the daemon's */
async function found(name: string, { uid = 0 } = {}): Promise<SystemUser> {
  await using shell = new ShellOf(uid);
  return await findUser(name, { shell, ownUid: uid });
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
  assert.deepEqual(nobody, {
    name: "nobody",
    uid: 65534,
    gid: 65534,
    home: "/nonexistent",
    isOurs: false,
  });
  assert.deepEqual(daemon, { name: "daemon", uid: 1, gid: 1, home: "/usr/sbin", isOurs: false });
  assert.deepEqual(root, { name: "root", uid: 0, gid: 0, home: "/root", isOurs: Deno.uid() === 0 });
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

rootTest(
  "findUser() takes a user for us only if all of our groups are its groups, and no others",
  async () => {
    const isOurs = async (ours: string) => {
      await using shell = new ShellOf(0, ours);
      return (await findUser("root", { shell, ownUid: 0 })).isOurs;
    };
    assert.equal(await isOurs("0 0 0 0 0"), true);
    assert.equal(await isOurs("0 0 0 0"), false);
    assert.equal(await isOurs("0 0 0 0 0 27"), false);
    assert.equal(await isOurs("0 0 0 27 0"), false);
    assert.equal(await isOurs("1000 0 0 0 0"), false);
  },
);

Deno.test("KnownUsers looks a user up once for jobs that start together, and again later", async () => {
  await using shell = new ShellOf(0);
  for (const [before, knownMs] of [2 ** 30, 0].entries()) {
    const users = new KnownUsers(shell, { knownMs });
    await users.ownUid();
    const [first, meanwhile] = await Promise.all([users.find("nobody"), users.find("nobody")]);
    const second = await users.find("nobody");
    assert.deepEqual([meanwhile === first, second === first], [knownMs > 0, knownMs > 0]);
    assert.deepEqual(second, first);
    assert.equal(shell.uidAsked, before + 1, "Who we are does not change");
  }
});

Deno.test("KnownUsers asks again for a user that could not be looked up", async () => {
  await using shell = new ShellOf(0);
  const users = new KnownUsers(shell, { knownMs: 2 ** 30 });
  const ask = shell.ask.bind(shell);
  shell.ask = () => Promise.reject(new Error("no descriptors"));
  for (const _ of [1, 2]) assert.match(String(await rejection(users.find("nobody"))), /no desc/);
  shell.ask = ask;
  assert.equal((await users.find("nobody")).name, "nobody");
});
