import { assert, assertEquals, assertRejects } from "@std/assert";
import { createFile, replaceFile } from "../../lib/files/replace_file.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

/** Replaces a file, and tells its text and mode, and what lies in its directory then. */
async function replaced(path: string, options: Parameters<typeof replaceFile>[2]) {
  await replaceFile(path, "new", options);
  const { mode, isSymlink } = await Deno.lstat(path);
  assertEquals(isSymlink, false);
  return [await Deno.readTextFile(path), (mode ?? 0) & 0o7777];
}

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();
}

Deno.test("replaceFile() makes a file with its mode, or replaces one that may keep its own", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  assertEquals(await replaced(path, { mode: 0o640, keepMode: true }), ["new", 0o640]);
  await Deno.chmod(path, 0o604);
  assertEquals(await replaced(path, { mode: 0o640, keepMode: true }), ["new", 0o604]);
  assertEquals(await replaced(path, { mode: 0o640 }), ["new", 0o640]);
  assertEquals(await namesIn(directory.path), ["file"]);
});

Deno.test("replaceFile() replaces a link, and leaves alone what that leads to", async () => {
  await using directory = await temporaryDirectory();
  const [path, other] = [`${directory.path}/file`, `${directory.path}/other`];
  await Deno.writeTextFile(other, "other");
  await Deno.symlink(other, path);
  assertEquals(await replaced(path, { mode: 0o600, keepMode: true }), ["new", 0o600]);
  assertEquals(await Deno.readTextFile(other), "other");
});

Deno.test("replaceFile() that fails names the file, and leaves nothing behind", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await Deno.mkdir(`${path}/full`, { recursive: true });
  const failed = await replaceFile(path, "new", { mode: 0o600 }).catch((error) => error);
  assert(failed.message.includes(path), failed.message);
  assert(!failed.message.includes(`${path}.`), failed.message);
  assertEquals(await namesIn(directory.path), ["file"]);
  await assertRejects(() => createFile(path, "new", 0o600), Deno.errors.AlreadyExists);
  assertEquals(await namesIn(directory.path), ["file"]);
});

rootTest(
  "replaceFile() gives the new file the owner of the old one, and shows it to nobody else",
  async () => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/file`;
    await Deno.writeTextFile(path, "old", { mode: 0o644 });
    await Deno.chown(path, 65_534, 65_533);
    const { chown } = Deno;
    const seen: unknown[] = [];
    Object.assign(Deno, {
      chown: async (...args: Parameters<typeof chown>) => {
        seen.push(((await Deno.stat(args[0])).mode ?? 0) & 0o777);
        await chown(...args);
      },
    });
    try {
      await replaceFile(path, "new", { mode: 0o644 });
    } finally {
      Object.assign(Deno, { chown });
    }
    const { uid, gid, mode } = await Deno.stat(path);
    assertEquals([uid, gid, (mode ?? 0) & 0o777], [65_534, 65_533, 0o644]);
    assertEquals(seen, [0o600], "Until it is theirs, it is nobody else's to read");
  },
);
