import { queueKey } from "../../lib/daemon/queue_key.ts";
import { QUEUE_KEY_BYTES } from "../../lib/fleet/sealed_starts.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("queueKey() makes a key for its owner alone, and finds it again", async () => {
  await using directory = await temporaryDirectory();
  const key = await queueKey(directory.path);
  assert.equal(key.byteLength, QUEUE_KEY_BYTES);
  assert.deepEqual(await queueKey(directory.path), key);
  const { mode } = await Deno.stat(`${directory.path}/queue.key`);
  assert.equal((mode ?? 0) & 0o777, 0o600);
});

Deno.test("queueKey() refuses a file that is none, or that others may change, and says what to do", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/queue.key`;
  await Deno.writeTextFile(path, "c2hvcnQ=\n", { mode: 0o600 });
  const refused = (why: RegExp) => ({ code: "failed_precondition", message: why });
  await assert.rejects(
    queueKey(directory.path),
    refused(/^Cannot use the key of the queue ".*queue.key": it has 5 bytes .*restore it/),
  );
  await Deno.chmod(path, 0o666);
  await assert.rejects(queueKey(directory.path), refused(/chmod go-w/));
});
