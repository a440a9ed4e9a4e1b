import { messageOf, pathFaultOf } from "../lib/errors.ts";
import { assert } from "./assert.ts";
import { temporaryDirectory } from "./worker/fixture.ts";

/** What goes wrong with a path. */
async function fault(use: () => Promise<unknown>): Promise<unknown> {
  return await use().then(() => assert.fail("Nothing went wrong"), (error) => error);
}

Deno.test("messageOf() and pathFaultOf() say what the system says without its number", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const missing = await fault(() => Deno.readTextFile(`${path}/none`));
  assert.equal(messageOf(missing), `No such file or directory: readfile '${path}/none'`);
  assert.equal(pathFaultOf(missing), "no such file or directory");
  await Deno.writeTextFile(`${path}/file`, "");
  const inFile = await fault(() => Deno.mkdir(`${path}/file/directory`));
  assert.equal(messageOf(inFile), `Not a directory: mkdir '${path}/file/directory'`);
  assert.equal(pathFaultOf(inFile), "a part of the path is not a directory");
});

Deno.test("messageOf() and pathFaultOf() leave alone what is not of the system", () => {
  for (const thrown of [new Error("It is 5 (or 6)"), "It is 5 (or 6)"]) {
    assert.equal(messageOf(thrown), "It is 5 (or 6)");
    assert.equal(pathFaultOf(thrown), "It is 5 (or 6)");
  }
});
