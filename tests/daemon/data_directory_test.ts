import { checkDataDirectory, makeDataDirectory } from "../../lib/daemon/data_directory.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("Neither a check nor a start takes a data directory in which anybody else may write", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  for (const use of [checkDataDirectory, makeDataDirectory]) {
    for (const mode of [0o770, 0o720, 0o702, 0o777]) {
      await Deno.chmod(path, mode);
      await assert.rejects(use(path), { code: "failed_precondition", message: /chmod go-w / });
    }
    for (const mode of [0o700, 0o755]) {
      await Deno.chmod(path, mode);
      await use(path);
    }
  }
});

Deno.test("A check and a start say what is wrong with a data directory until somebody mends it", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.writeTextFile(`${path}/file`, "");
  await Deno.symlink("loop", `${path}/loop`);
  for (const use of [checkDataDirectory, makeDataDirectory]) {
    for (const name of ["file", "file/data", "loop"]) {
      await assert.rejects(use(`${path}/${name}`), {
        code: "failed_precondition",
        message: new RegExp(`^Cannot use the data directory "${path}/${name}": .*--data-dir$`),
      });
    }
  }
  // That it is not there is nothing wrong: it is made at the start, and checked a second time then.
  await checkDataDirectory(`${path}/new/data`);
  for (const _time of [1, 2]) await makeDataDirectory(`${path}/new/data`);
  assert.equal(((await Deno.stat(`${path}/new/data`)).mode ?? 0) & 0o777, 0o700);
});
