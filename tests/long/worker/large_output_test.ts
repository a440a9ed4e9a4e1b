import { assert } from "../../assert.ts";
import {
  BOTH,
  bytesOf,
  FROM_START,
  randomBytes,
  sha256,
  temporaryDirectory,
  TestWorker,
} from "../../worker/fixture.ts";

const MIB = 1024 * 1024;
const FOLLOW = { start: FROM_START, streams: BOTH, follow: true };

Deno.test("One line of 400 MB goes through whole, with little memory", async () => {
  await using test = await TestWorker.open();
  const size = 400_000_000;
  const before = Deno.memoryUsage().rss;
  const job = await test.sh(`head -c ${size} /dev/zero | tr '\\0' x`);
  let length = 0;
  let most = 0;
  for await (const { records } of test.worker.readLog(job.jobId, FOLLOW)) {
    for (const { data } of records) {
      length += data.byteLength;
      assert.ok(data.every((byte) => byte === 0x78));
    }
    most = Math.max(most, Deno.memoryUsage().rss - before);
  }
  assert.equal(length, size);
  // As much for any size: 30 to 80 MiB, by when V8 collects garbage.
  assert.ok(most < 150 * MIB, `${most} bytes of memory`);
});

Deno.test("A million writes of one byte come out in order", async () => {
  await using test = await TestWorker.open();
  await using temporary = await temporaryDirectory();
  const path = `${temporary.path}/random`;
  const data = randomBytes(1_000_000);
  await Deno.writeFile(path, data);
  const job = await test.start({ name: "dd", args: [`if=${path}`, "bs=1", "status=none"] });
  const batches = await Array.fromAsync(test.worker.readLog(job.jobId, FOLLOW));
  const records = batches.flatMap((batch) => batch.records);
  assert.equal(await sha256(bytesOf(records)), await sha256(data));
  assert.ok(records.length < 200_000, `${records.length} records: nearly one for each write`);
});
