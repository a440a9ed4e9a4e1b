import { assert } from "@std/assert";
import { setImmediate } from "node:timers";
import { flushDirectory, flushFile } from "../../lib/files/flush.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";

Deno.test("flushFile() and flushDirectory() wait for the disk eight at a time, so that files can be read", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "text");
  const { sync, syncData } = Deno.FsFile.prototype;
  const waiting: (() => void)[] = [];
  const slow = () => new Promise<void>((resolve) => waiting.push(resolve));
  Object.assign(Deno.FsFile.prototype, { sync: slow, syncData: slow });
  try {
    const flushed = Promise.all(
      Array.from(
        { length: 20 },
        (_, index) => index % 2 === 0 ? flushFile(path) : flushDirectory(directory.path),
      ),
    );
    for (let done = 0; done < 20; done++) {
      await until(() => Promise.resolve(waiting.length >= Math.min(8, 20 - done)));
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert(waiting.length <= 8);
      waiting.shift()?.();
    }
    await flushed;
  } finally {
    Object.assign(Deno.FsFile.prototype, { sync, syncData });
  }
});
