import { UserLookups } from "../../lib/executor/user_lookups.ts";
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

rootTest(
  "A user who suspends those that look at files has a share of them, and keeps nobody else waiting",
  async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const setpriv = await suspendingSetpriv(path);
    const lookups = new UserLookups({ tools: { ...TOOLS, setpriv }, timeoutMs: 5_000 });
    const suspended = async () => (await suspendedIn(path)).length;
    const refused = Array.from(
      { length: 40 },
      () => rejection(lookups.ask(HOSTILE, (groups) => groups.access(["/"]))),
    );
    await until(async () => await suspended() === 16);
    const answer = await soon(
      lookups.ask(OTHER, (groups) => groups.access(["/"])),
      () => "an answer",
    );
    const before = await suspended();
    assert.deepEqual(answer, [{ kind: "directory", usable: true }]);
    for (const error of await Promise.all(refused)) {
      assert.match(String(error), /cannot look at files as user 65534: no answer within 5000 ms/);
    }
    assert.equal(before, 16);
  },
);

rootTest("A lookup that nobody waits for any more ends at once, with its process", async () => {
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  const setpriv = await suspendingSetpriv(path);
  const lookups = new UserLookups({ tools: { ...TOOLS, setpriv }, timeoutMs: 2 ** 30 });
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
