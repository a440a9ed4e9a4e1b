import { fileInfo } from "../../lib/files/file_info.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("fileInfo() tells a missing file from a dangling link", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.writeTextFile(`${path}/file`, "text");
  await Deno.symlink("file", `${path}/link`);
  await Deno.symlink("nowhere", `${path}/dangling`);
  for (const name of ["file", "link"]) assert.equal((await fileInfo(`${path}/${name}`))?.size, 4);
  assert.equal(await fileInfo(`${path}/none`), null);
  await assert.rejects(fileInfo(`${path}/dangling`), {
    code: "failed_precondition",
    message: `"${path}/dangling" is a link that leads nowhere`,
  });
  await assert.rejects(fileInfo(`${path}/file/in`), { code: "ENOTDIR" });
});
