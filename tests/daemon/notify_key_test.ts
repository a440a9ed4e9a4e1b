import { notifyKeys } from "../../lib/daemon/notify_key.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("notifyKeys() makes a key that only its owner can read, and finds it again", async () => {
  await using directory = await temporaryDirectory();
  const [key, ...others] = await notifyKeys(directory.path);
  assert.deepEqual([key?.byteLength, others], [32, []]);
  const path = `${directory.path}/notify.key`;
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  assert.equal(await Deno.readTextFile(path), `whsec_${key?.toBase64()}\n`);
  assert.deepEqual(await notifyKeys(directory.path), [key]);
});

Deno.test("notifyKeys() takes several keys, and refuses what is none without showing it", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/notify.key`;
  const line = (bytes: number) => `whsec_${new Uint8Array(bytes).fill(7).toBase64()}`;
  await Deno.writeTextFile(path, `${line(24)}\n${line(64)}`, { mode: 0o600 });
  assert.deepEqual((await notifyKeys(directory.path)).map(({ length }) => length), [24, 64]);
  for (
    const [text, why] of [
      ["", /it has 0 lines instead of 1 to 4/],
      [Array(5).fill(line(32)).join("\n"), /it has 5 lines/],
      [`${line(32)}\n${line(23)}`, /line 2 is not whsec_ and 24 to 64 bytes in base64/],
      [line(65), /line 1 is not/],
      ["secret!", /line 1 is not/],
      ["whsec_secret!secret!secret!secret!secret!secret!", /line 1 is not/],
    ] as const
  ) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(notifyKeys(directory.path), (error) => {
      assert.match(String(error), why);
      assert.match(String(error), new RegExp(path));
      assert.doesNotMatch(String(error), /secret!|Bwc/);
      return true;
    });
  }
  await Deno.writeTextFile(path, line(32));
  await Deno.chmod(path, 0o666);
  await assert.rejects(notifyKeys(directory.path), /chmod go-w/);
});
