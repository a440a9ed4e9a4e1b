import { UserLookups } from "../../lib/executor/user_lookups.ts";
import type { Rights } from "../../lib/process/users.ts";
import { assert } from "../assert.ts";
import { TOOLS } from "../process/tools.ts";
import { rootTest } from "../root.ts";
import { soon } from "../soon.ts";
import { rejection, temporaryDirectory, until } from "../worker/fixture.ts";

const HOSTILE = { uid: 65_534, gid: 65_534 };
const OTHER = { uid: 1, gid: 1 };

/** A setpriv(1) as if the user's own processes suspended each process as soon as it has the user's rights. */
async function suspendingSetpriv(directory: string): Promise<string> {
  const setpriv = `${directory}/setpriv`;
  const script = `#!/bin/sh
case $1 in
--reuid=${HOSTILE.uid}) echo $$ >>${directory}/suspended && kill -STOP $$ ;;
esac
exec ${TOOLS.setpriv} "$@"
`;
  await Deno.writeTextFile(setpriv, script, { mode: 0o755 });
  return setpriv;
}

/** The processes that it has suspended so far. */
async function suspendedIn(directory: string): Promise<number[]> {
  const text = await Deno.readTextFile(`${directory}/suspended`).catch(() => "");
  return text.split("\n").slice(0, -1).map(Number);
}

rootTest("A user who suspends those that look at files keeps nobody else waiting", async () => {
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  const setpriv = await suspendingSetpriv(path);
  await using lookups = new UserLookups({ tools: { ...TOOLS, setpriv }, timeoutMs: 5_000 });
  const refused = Array.from(
    { length: 40 },
    () => rejection(lookups.ask(HOSTILE, (groups) => groups.access(["/"]))),
  );
  await until(async () => (await suspendedIn(path)).length > 0);
  const answer = await soon(
    lookups.ask(OTHER, (groups) => groups.access(["/"])),
    () => "an answer",
  );
  assert.deepEqual(answer, [{ kind: "directory", usable: true }]);
  for (const error of await Promise.all(refused)) {
    assert.match(String(error), /cannot look at files as user 65534: no answer within 5000 ms/);
  }
  // They share one process, and those that took its place while it said nothing.
  assert.ok((await suspendedIn(path)).length <= 4);
});

/** The processes with which we look at files as a user, once one has. */
async function lookupsOf(user: Rights, lookups: UserLookups): Promise<string[]> {
  await lookups.ask(user, (groups) => groups.access(["/"]));
  return await processesOf(user);
}

/** Our children that have these rights. */
async function processesOf(user: Rights): Promise<string[]> {
  const pids: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const status = await Deno.readTextFile(`/proc/${name}/status`).catch(() => "");
    const ids = `\nPPid:\t${Deno.pid}\n[^]*\nUid:\t${user.uid}\t[^]*\nGid:\t${user.gid}\t`;
    if (new RegExp(ids).test(status)) pids.push(name);
  }
  return pids;
}

rootTest(
  "The jobs of a user that start together share a process that looks at files, but for users of one job",
  async () => {
    await using lookups = new UserLookups({ tools: TOOLS, idleMs: 2 ** 30 });
    const first = await lookupsOf(OTHER, lookups);
    assert.deepEqual(await lookupsOf(OTHER, lookups), first);
    assert.equal(first.length, 1);
    assert.notDeepEqual(await lookupsOf({ uid: 1, gid: 2 }, lookups), first);
    const dynamic = { uid: 200_000, gid: 200_000, isDynamic: true };
    await lookups.ask(dynamic, async () => {
      assert.equal((await lookupsOf(dynamic, lookups)).length, 1);
    });
    await until(async () => (await processesOf(dynamic)).length === 0);
  },
);

rootTest(
  "A process that looks at files is let go on if it was suspended while nobody asked it",
  async () => {
    await using lookups = new UserLookups({ tools: TOOLS, idleMs: 2 ** 30 });
    const [pid = ""] = await lookupsOf(OTHER, lookups);
    Deno.kill(Number(pid), "SIGSTOP");
    assert.deepEqual(await lookupsOf(OTHER, lookups), [pid]);
  },
);

rootTest("A process that looks at files ends soon after the last job was started", async () => {
  await using lookups = new UserLookups({ tools: TOOLS, idleMs: 1 });
  const [pid] = await lookupsOf(OTHER, lookups);
  await until(async () => await Deno.stat(`/proc/${pid}`).catch(() => null) === null);
});

rootTest("A lookup that nobody waits for any more ends at once, with its process", async () => {
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  const setpriv = await suspendingSetpriv(path);
  await using lookups = new UserLookups({ tools: { ...TOOLS, setpriv }, timeoutMs: 2 ** 30 });
  const leaving = new AbortController();
  const left = rejection(
    lookups.ask(HOSTILE, (groups) => groups.access(["/"]), { signal: leaving.signal }),
  );
  const [pid = 0] = await until(async () => {
    const pids = await suspendedIn(path);
    return pids.length > 0 && pids;
  });
  leaving.abort();
  const error = await soon(left, () => "the end of a lookup");
  assert.match(String(error), /cannot look at files as user 65534: nobody waits for the answer/);
  await until(async () => await Deno.stat(`/proc/${pid}`).catch(() => null) === null);
});
