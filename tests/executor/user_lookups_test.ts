import { UserLookups } from "../../lib/executor/user_lookups.ts";
import { assert } from "../assert.ts";
import { TOOLS } from "../process/tools.ts";
import { rootTest } from "../root.ts";
import { soon } from "../soon.ts";
import { rejection, temporaryDirectory, until } from "../worker/fixture.ts";

const HOSTILE = { uid: 65_534, gid: 65_534 };
const OTHER = { uid: 1, gid: 1 };

rootTest(
  "A user who suspends those that look at files has a share of them, and keeps nobody else waiting",
  async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const setpriv = `${path}/setpriv`;
    // As if the user's own processes had suspended each as soon as it has the user's rights.
    const script = `#!/bin/sh
case $1 in
--reuid=${HOSTILE.uid}) echo $$ >>${path}/suspended && kill -STOP $$ ;;
esac
exec ${TOOLS.setpriv} "$@"
`;
    await Deno.writeTextFile(setpriv, script, { mode: 0o755 });
    const lookups = new UserLookups({ tools: { ...TOOLS, setpriv }, timeoutMs: 5_000 });
    const suspended = async () =>
      (await Deno.readTextFile(`${path}/suspended`).catch(() => "")).split("\n").length - 1;
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
