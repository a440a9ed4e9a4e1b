import { assertEquals, assertIsError, assertRejects } from "@std/assert";
import { readTrustedFile } from "../../lib/files/trusted_file.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("readTrustedFile() reads what only its owner can change", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "text");
  await Deno.chmod(path, 0o644);
  assertEquals(await readTrustedFile(path), "text");
  for (const mode of [0o664, 0o646]) {
    await Deno.chmod(path, mode);
    await assertRejects(
      () => readTrustedFile(path),
      Error,
      "others than its owner may change it; run `chmod",
    );
  }
});

Deno.test("readTrustedFile() refuses a file of another user, if it is told who we are", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "text", { mode: 0o600 });
  const uid = Deno.uid() ?? 0;
  assertEquals(await readTrustedFile(path, { uid }), "text");
  if (uid === 0) {
    assertEquals(await readTrustedFile(path, { uid: 1 }), "text", "What is root's is trusted");
    await Deno.chown(path, 65534, 65534);
  }
  await assertRejects(
    () => readTrustedFile(path, { uid: uid + 1 }),
    Error,
    "it belongs to another user",
  );
});

Deno.test("readTrustedFile() reads no more than it may, however large a file says that it is", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "\u00e9".repeat(100_000), { mode: 0o600 });
  assertEquals((await readTrustedFile(path, { maxBytes: 200_000 })).length, 100_000);
  const large = await assertRejects(() => readTrustedFile(path, { maxBytes: 199_999 }));
  assertIsError(large, Error, /larger than 195\.\d+KiB/);
  const endless = await assertRejects(() => readTrustedFile("/dev/zero"));
  assertIsError(endless, Error, /others than its owner|larger than 16MiB/);
});
