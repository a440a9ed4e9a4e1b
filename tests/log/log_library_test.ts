import { MAX_RECORD_BYTES } from "../../lib/log/log_format.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";
import { READ_BYTES } from "../../lib/log/log_reader.ts";
import { assert } from "../assert.ts";
import { BOTH, bytesOf, FROM_START, temporaryDirectory, TestWorker } from "../worker/fixture.ts";

const KIB = 1024;

Deno.test("LogLibrary.readBytes shares 32 MiB among all readers, of whatever jobs", async () => {
  await using directory = await temporaryDirectory();
  const logs = await LogLibrary.open(`${directory.path}/logs`);
  using readers = new DisposableStack();
  const expected: [count: number, readBytes: number][] = [
    [0, READ_BYTES],
    [128, 256 * KIB],
    [256, 128 * KIB],
    // It is never less than a record, which is read whole.
    [600, MAX_RECORD_BYTES],
  ];
  for (let count = 0, step = 0; step < expected.length; count++) {
    const [at, readBytes] = expected[step] ?? [];
    if (count === at) {
      assert.equal(logs.readBytes, readBytes, `of ${count}`);
      step++;
    }
    readers.use(logs.countReader(`job ${count % 2}`));
  }
  readers.dispose();
  assert.equal(logs.readBytes, READ_BYTES, "They have left");
});

Deno.test("Worker.readLog() hands out smaller batches the more readers there are", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.ran("head -c 1000000 /dev/zero");
  const read = () =>
    test.worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: false });
  const sizeOf = async (reader: ReturnType<typeof read>) =>
    bytesOf((await reader.next()).value?.records ?? []).byteLength;
  const alone = read();
  const large = await sizeOf(alone);
  await alone.return();
  const readers = Array.from({ length: 320 }, read);
  const sizes = await Promise.all(readers.map(sizeOf));
  await Promise.all(readers.map((reader) => reader.return()));
  const most = 32 * KIB * KIB / 320;
  assert.ok(large > most, `${large} bytes for one`);
  assert.ok(sizes.every((size) => size > 0 && size <= most), `${Math.max(...sizes)} bytes`);
});
