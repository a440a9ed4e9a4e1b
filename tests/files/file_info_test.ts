import { assertEquals, assertRejects } from "@std/assert";
import { JobWorkerError } from "../../lib/errors.ts";
import { fileInfo } from "../../lib/files/file_info.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("fileInfo() tells a missing file from a dangling link", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.writeTextFile(`${path}/file`, "text");
  await Deno.symlink("file", `${path}/link`);
  await Deno.symlink("nowhere", `${path}/dangling`);
  for (const name of ["file", "link"]) assertEquals((await fileInfo(`${path}/${name}`))?.size, 4);
  assertEquals(await fileInfo(`${path}/none`), null);
  const dangling = await assertRejects(() => fileInfo(`${path}/dangling`), JobWorkerError);
  assertEquals(dangling.code, "failed_precondition");
  assertEquals(dangling.message, `"${path}/dangling" is a link that leads nowhere`);
  await assertRejects(() => fileInfo(`${path}/file/in`), Deno.errors.NotADirectory);
});
