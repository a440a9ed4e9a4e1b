import { JobWorkerError } from "../../lib/errors.ts";
import { DynamicUsers } from "../../lib/process/dynamic_users.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { rejection, temporaryDirectory, until } from "../worker/fixture.ts";
import { TOOLS } from "./tools.ts";

/** Ids that nobody has: nothing runs as them here. */
const RANGE = { first: 2_123_440_000, last: 2_123_440_004 };

async function openUsers() {
  const directory = await temporaryDirectory();
  const homes = `${directory.path}/a/homes`;
  const users = await DynamicUsers.open({ ...RANGE, homes }, TOOLS);
  return { homes, users, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

Deno.test("DynamicUsers gives each id once, in turn, and again once it is back", async () => {
  await using test = await openUsers();
  const { users } = test;
  assert.equal(((await Deno.stat(test.homes)).mode ?? 0) & 0o777, 0o711);
  const given: number[] = [];
  for (const jobId of ["a", "b", "c", "d", "e"]) given.push((await users.reserve(jobId)).uid);
  assert.deepEqual(given.toSorted(), [0, 1, 2, 3, 4].map((at) => RANGE.first + at));
  for (const [at, uid] of given.entries()) {
    const next = given[at + 1];
    if (next !== undefined) assert.equal(next, uid === RANGE.last ? RANGE.first : uid + 1);
  }
  const error = await rejection(users.reserve("f"));
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "resource_exhausted");
  users.forget("c");
  assert.equal((await users.reserve("g")).uid, given[2]);
});

Deno.test("DynamicUsers does not give what others have, as long as they have it", async () => {
  await using test = await openUsers();
  for (const uid of [RANGE.first, RANGE.first + 1, RANGE.first + 2]) {
    await Deno.mkdir(`${test.homes}/${uid}/of-another`, { recursive: true });
  }
  // The second has died in the middle of making it.
  await Deno.remove(`${test.homes}/${RANGE.first + 1}/of-another`);
  const users = await DynamicUsers.open({ ...RANGE, homes: test.homes }, TOOLS);
  const given: number[] = [];
  for (const jobId of ["a", "b", "c"]) given.push((await users.reserve(jobId)).uid);
  assert.deepEqual(given.toSorted(), [1, 3, 4].map((at) => RANGE.first + at));
  await rejection(users.reserve("d"));
  await Deno.remove(`${test.homes}/${RANGE.first + 2}`, { recursive: true });
  assert.equal((await users.reserve("e")).uid, RANGE.first + 2);

  // Another daemon was faster.
  await Deno.mkdir(`${test.homes}/${given[0]}/of-another`, { recursive: true });
  const error = await rejection(users.makeHome("a"));
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "unavailable");
  await users.release("a");
  assert.ok(await Deno.stat(`${test.homes}/${given[0]}/of-another`));
});

Deno.test("DynamicUsers.release() does not wait for those who have left much", async () => {
  await using directory = await temporaryDirectory();
  const ended = `${directory.path}/ended`;
  const setsid = `${directory.path}/setsid`;
  const last = 2_123_440_008;
  const slow = `#!/bin/sh
[ "$5" = ${last} ] || until [ -e ${ended} ]; do sleep 0.05; done`;
  await Deno.writeTextFile(setsid, slow, { mode: 0o700 });
  const range = { first: 2_123_440_000, last, homes: `${directory.path}/homes` };
  const users = await DynamicUsers.open(range, { ...TOOLS, setsid });
  const jobIds = Array.from({ length: 9 }, (_, index) => String(index));
  const given = new Map<number, string>();
  for (const jobId of jobIds) given.set((await users.reserve(jobId)).uid, jobId);
  const quick = given.get(last) ?? "";
  const others = jobIds.filter((jobId) => jobId !== quick).map((jobId) => users.release(jobId));
  await users.release(quick);
  await Deno.writeTextFile(ended, "");
  await Promise.all(others);
});

rootTest(
  "DynamicUsers.release() ends and removes what is the user's, and nothing else",
  async () => {
    await using test = await openUsers();
    const { users, homes } = test;
    const [one, other] = [await users.reserve("one"), await users.reserve("other")];
    await users.makeHome("one");
    await users.makeHome("other");
    const sleeper = (uid: number) =>
      new Deno.Command(TOOLS.setpriv, {
        args: [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "sleep", "1000"],
      }).spawn();
    const [ended, goesOn] = [sleeper(one.uid), sleeper(other.uid)];
    // Until then they are root's.
    const isUser = async ({ pid }: Deno.ChildProcess, uid: number) =>
      (await Deno.stat(`/proc/${pid}`)).uid === uid;
    await until(() => isUser(ended, one.uid));
    await until(() => isUser(goesOn, other.uid));
    await users.release("one");
    assert.equal((await ended.status).signal, "SIGKILL");
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir(homes), ({ name }) => name),
      [String(other.uid)],
    );
    assert.ok((await Deno.stat(other.home)).isDirectory);
    goesOn.kill("SIGTERM");
    assert.equal((await goesOn.status).signal, "SIGTERM");
    // One of another executor's, or of ours before we died.
    const next = await DynamicUsers.open({ ...RANGE, homes }, TOOLS);
    const faults: unknown[] = [];
    await next.releaseLeft(["none", "other"], (error) => faults.push(error));
    assert.deepEqual(faults, []);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(homes)), []);
  },
);
