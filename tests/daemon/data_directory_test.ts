import {
  canOpenToGroup,
  checkDataDirectory,
  makeDataDirectory,
  openToGroup,
} from "../../lib/daemon/data_directory.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
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

rootTest(
  "openToGroup() lets a group through, and changes nothing where it may pass already",
  async () => {
    await using directory = await temporaryDirectory();
    const group = 17;
    const opened = async (mode: number, gid: number) => {
      await Deno.chown(directory.path, 0, gid);
      await Deno.chmod(directory.path, mode);
      const isHarmless = await canOpenToGroup(directory.path, group);
      await openToGroup(directory.path, group);
      const info = await Deno.stat(directory.path);
      return [isHarmless, (info.mode ?? 0) & 0o7777, info.gid];
    };
    assert.deepEqual(await opened(0o700, 0), [true, 0o710, group]);
    assert.deepEqual(await opened(0o710, group), [true, 0o710, group]);
    assert.deepEqual(await opened(0o700, group), [true, 0o710, group]);
    assert.deepEqual(await opened(0o755, 0), [true, 0o755, 0]);
    assert.equal((await opened(0o750, 0))[0], false, "That group would lose what it may do");
    assert.equal(await canOpenToGroup(`${directory.path}/none`, group), true);
  },
);
