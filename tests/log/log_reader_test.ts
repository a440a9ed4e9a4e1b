import { JobWorkerError } from "../../lib/errors.ts";
import { JobLog } from "../../lib/log/job_log.ts";
import { MAX_RECORD_BYTES } from "../../lib/log/log_format.ts";
import { readLog, type ReadLogOptions } from "../../lib/log/log_reader.ts";
import type { PiecesOfLog } from "../../lib/log/shared_pieces.ts";
import { concat } from "../../lib/net/frames.ts";
import { SpareBuffers } from "../../lib/net/spare_buffers.ts";
import type { LogGap } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import {
  BOTH,
  bytesOf,
  openDescriptors,
  randomBytes,
  rejection,
  sha256,
  textOf,
  until,
} from "../worker/fixture.ts";
import { openLog, recordsOf, type TestLog, watchReads, write } from "./log_fixture.ts";
import { seeded } from "../random.ts";
import { soon } from "../soon.ts";

const random = seeded("log reader");

const MIB = 1024 * 1024;

/** How many files of a log are open. */
async function openFiles(test: TestLog): Promise<number> {
  const links = await openDescriptors();
  return links.filter((link) => link.startsWith(test.directory)).length;
}

Deno.test("readLog() resumes at every byte, inside records too", async () => {
  await using test = await openLog();
  const texts = ["alpha\n", "!beta", "c", "!", "delta\n\n", "!epsilon", "\0zeta"];
  await write(test.writer, ...texts);
  const whole = texts.join("").replaceAll("!", "");
  for (let offset = 0; offset <= whole.length; offset++) {
    const records = await recordsOf(test.log, { offset });
    assert.equal(textOf(records), whole.slice(offset));
    let next = offset;
    for (const record of records) {
      assert.equal(record.offset, next);
      next += record.data.byteLength;
    }
    assert.equal(next, whole.length);
  }
});

Deno.test("A little that has just been written is read at once, and all else by another thread", async () => {
  await using test = await openLog();
  const reads = async (log: JobLog) => {
    using watched = watchReads();
    await recordsOf(log);
    return watched.here > 0 ? "here" : "by a thread";
  };
  await write(test.writer, "a little");
  assert.equal(await reads(test.log), "here");
  assert.equal(
    await reads(await JobLog.open(test.directory)),
    "by a thread",
    "It may be on a disk",
  );
  const [segment] = test.log.segments;
  assert.ok(segment);
  segment.grownAt = performance.now() - 60_000;
  assert.equal(await reads(test.log), "by a thread", "It may be on a disk by now");
  await write(test.writer, "x".repeat(4_000));
  assert.equal(await reads(test.log), "here");
  await write(test.writer, "x".repeat(100));
  assert.equal(await reads(test.log), "by a thread", "It takes a while");
});

Deno.test("readLog() says at once that it follows, where there is nothing to be read yet", async () => {
  for (const before of [[], ["not for them\n"]]) {
    await using test = await openLog();
    await write(test.writer, ...before);
    const reader = readLog(test.log, { offset: 0, streams: ["stderr"], follow: true });
    const { value: first } = await soon(reader.next(), () => "the first batch");
    assert.deepEqual(first, { records: [], nextOffset: before.join("").length });
    // It says so once only.
    const second = reader.next();
    await write(test.writer, "!for them");
    const { value } = await soon(second, () => "the second batch");
    assert.equal(textOf(value?.records ?? []), "for them");
    await reader.return();
  }
});

Deno.test("readLog() resumes exactly where two files of a log meet", async () => {
  await using test = await openLog();
  const data = randomBytes(17 * MIB);
  await test.writer.append("stdout", data);
  const borders = test.log.segments.map(({ start }) => start);
  assert.equal(borders.length, 3);
  for (const border of borders) {
    for (const offset of [border - 1, border, border + 1].filter((offset) => offset >= 0)) {
      const found = bytesOf(await recordsOf(test.log, { offset }));
      assert.equal(await sha256(found), await sha256(data.slice(offset)), `from ${offset}`);
    }
  }
});

Deno.test("readLog() resumes after each batch, which holds no more than 256 KiB", async () => {
  await using test = await openLog();
  const data = randomBytes(2 * MIB);
  await test.writer.append("stdout", data);
  const records = [];
  for (let offset = 0; offset < test.log.endOffset;) {
    for await (const batch of readLog(test.log, { offset, streams: BOTH, follow: false })) {
      assert.ok(bytesOf(batch.records).byteLength <= 256 * 1024);
      records.push(...batch.records);
      offset = batch.nextOffset;
      break;
    }
  }
  assert.equal(await sha256(bytesOf(records)), await sha256(data));
});

Deno.test("readLog() asks before each batch how much it may read", async () => {
  await using test = await openLog();
  const data = randomBytes(MIB);
  await test.writer.append("stdout", data);
  let readBytes = 2 * MAX_RECORD_BYTES;
  const options = { offset: 0, streams: BOTH, follow: false, readBytes: () => readBytes };
  const sizes: number[] = [];
  const records = [];
  for await (const batch of readLog(test.log, options)) {
    sizes.push(batch.records.length);
    records.push(...batch.records);
    readBytes = MAX_RECORD_BYTES;
  }
  assert.deepEqual(sizes, [2, ...Array(14).fill(1)]);
  assert.deepEqual(bytesOf(records), data);
});

Deno.test("readLog() reads into the same place again for whoever needs a batch only until the next, unless others have it", async () => {
  await using test = await openLog();
  const data = randomBytes(3 * MIB);
  // Records are cut everywhere.
  for (let at = 0, size = 1; at < data.byteLength; at += size, size = size * 3 % 40_961) {
    await test.writer.append(random() < 0.5 ? "stdout" : "stderr", data.slice(at, at + size));
  }
  let hasOthers = true;
  const shared: PiecesOfLog = { at: () => undefined, share: () => hasOthers };
  const read = async (options: Partial<ReadLogOptions>) => {
    const places = new Set<ArrayBufferLike>();
    const found = [];
    let batches = 0;
    const log = readLog(test.log, { offset: 0, streams: BOTH, follow: false, shared, ...options });
    for await (const { records, packed = new Uint8Array(), nextOffset } of log) {
      batches++;
      places.add(packed.buffer);
      found.push(bytesOf(records));
      if (nextOffset === data.byteLength) break;
    }
    assert.ok(batches > 10);
    assert.equal(await sha256(concat(found)), await sha256(data));
    return places.size === batches ? "each its own" : places.size;
  };
  assert.equal(await read({}), "each its own");
  assert.equal(await read({ reuse: true }), 1);
  assert.equal(await read({ reuse: true, follow: true }), "each its own");
  hasOthers = false;
  assert.equal(await read({ reuse: true, follow: true }), 1);
  await test.writer[Symbol.asyncDispose]();
  hasOthers = true;
  assert.equal(await read({ reuse: true, follow: true }), 1, "It does not grow any more");
});

Deno.test("A reader that waits gives back the room that it has read into", async () => {
  await using test = await openLog();
  const buffers = new SpareBuffers();
  const options = { offset: 0, streams: BOTH, follow: true, reuse: true, buffers };
  const data = randomBytes(60_000);
  await test.writer.append("stdout", data);
  const reader = readLog(test.log, options);
  const { packed } = (await reader.next()).value ?? {};
  const waiting = reader.next();
  const given = await until(() => {
    const taken = buffers.take(50_000);
    return Promise.resolve(taken === packed?.buffer && taken);
  });
  buffers.give(given);
  await test.writer.append("stderr", data);
  const { value } = await waiting;
  assert.equal(value?.packed?.buffer, given);
  assert.equal(await sha256(bytesOf(value?.records ?? [])), await sha256(data));
  await reader.return();
});

Deno.test("readLog() accepts the end as an offset, and names it when it refuses", async () => {
  await using test = await openLog();
  await write(test.writer, "12345");
  assert.deepEqual(await recordsOf(test.log, { offset: 5 }), []);
  for (const offset of [6, -1, 0.5, NaN]) {
    const error = await rejection(recordsOf(test.log, { offset }));
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "out_of_range");
    assert.match(error.message, new RegExp(`offset ${offset}.* 5`));
  }
});

Deno.test("readLog() of one stream leaves the other out, and keeps the offsets of the whole", async () => {
  await using test = await openLog();
  await write(test.writer, "one", "!two", "three", "!four");
  const records = await recordsOf(test.log, { streams: ["stderr"], offset: 4 });
  assert.deepEqual(records.map(({ offset }) => offset), [4, 11]);
  assert.equal(textOf(records), "wofour");
});

Deno.test("A reader that joins at any instant sees no gap and no repeat", async () => {
  await using test = await openLog();
  const data = randomBytes(140_000);
  const joined: Promise<void>[] = [];
  const join = async (offset: number, records = recordsOf(test.log, { offset, follow: true })) =>
    assert.deepEqual(bytesOf(await records), data.subarray(offset), `from ${offset}`);
  for (let at = 0; at < data.byteLength;) {
    const size = 1 + Math.floor(random() * 800);
    const appended = test.writer.append(
      at % 2 === 0 ? "stdout" : "stderr",
      data.slice(at, at + size),
    );
    // Now the record is on its way to the disk: not yet, partly or just written.
    for (let turns = random() * 6; turns > 1; turns--) await null;
    joined.push(join(Math.floor(random() * (test.log.endOffset + 1))));
    if (random() < 0.5) await appended;
    at += size;
  }
  await test.writer[Symbol.asyncDispose]();
  await Promise.all(joined);
  assert.ok(joined.length > 300);
});

Deno.test("A reader that stalls holds up nobody and costs no memory", async () => {
  await using test = await openLog();
  const piece = randomBytes(64 * 1024);
  const pieces = 64 * 16;
  await test.writer.append("stdout", piece);
  const stalled = readLog(test.log, { offset: 0, streams: BOTH, follow: true });
  const first = await stalled.next();
  assert.ok(!first.done);

  const before = Deno.memoryUsage();
  for (let count = 1; count < pieces; count++) await test.writer.append("stdout", piece);
  await test.writer[Symbol.asyncDispose]();
  const after = Deno.memoryUsage();
  assert.ok(after.external - before.external < 8 * MIB, "What was written is not kept");
  assert.ok(after.rss - before.rss < 32 * MIB, "What was written is not kept");

  let bytes = bytesOf(first.value.records).byteLength;
  for await (const { records } of stalled) bytes += bytesOf(records).byteLength;
  assert.equal(bytes, pieces * piece.byteLength);
});

Deno.test("A reader that waits ends when its signal is aborted, with the reason", async () => {
  await using test = await openLog();
  await write(test.writer, "so far");
  const controller = new AbortController();
  const options = { offset: 0, streams: BOTH, follow: true, signal: controller.signal };
  const reader = readLog(test.log, options);
  assert.equal(textOf((await reader.next()).value?.records ?? []), "so far");
  const waiting = reader.next();
  assert.equal(await openFiles(test), 2);
  const reason = new Error("The client has left");
  controller.abort(reason);
  assert.equal(await rejection(waiting), reason);
  assert.equal(await openFiles(test), 1, "Only the writer's file is open");
  await write(test.writer, "and more");
});

Deno.test("A reader that leaves closes its file", async () => {
  await using test = await openLog();
  await write(test.writer, "so far");
  for await (const _ of readLog(test.log, { offset: 0, streams: BOTH, follow: true })) {
    assert.equal(await openFiles(test), 2);
    break;
  }
  assert.equal(await openFiles(test), 1);
});

Deno.test("A reader that follows waits for the first byte, and ends with the log", async () => {
  await using test = await openLog();
  const reading = recordsOf(test.log, { follow: true });
  await write(test.writer, "a", "!b");
  await test.writer[Symbol.asyncDispose]();
  assert.equal(textOf(await reading), "ab");
});

Deno.test("A log that is damaged in the middle says where", async () => {
  await using test = await openLog();
  await write(test.writer, "12345");
  await test.writer.append("stdout", randomBytes(9 * MIB));
  await test.writer[Symbol.asyncDispose]();
  using file = await Deno.open(`${test.directory}/0000000000000000.log`, { write: true });
  await file.seek(5 + 36, Deno.SeekMode.Start);
  await file.write(new Uint8Array(100));
  const error = await rejection(recordsOf(await JobLog.open(test.directory)));
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "data_loss");
  assert.match(error.message, /behind byte 5 /);
});

Deno.test("A follower goes on behind a part that somebody has cut off; a reader that asks for that part is told", async () => {
  await using test = await openLog();
  await write(test.writer, "one");
  const follower = readLog(test.log, { offset: 0, streams: BOTH, follow: true });
  const late = readLog(test.log, { offset: 0, streams: BOTH, follow: true });
  assert.equal(textOf((await follower.next()).value?.records ?? []), "one");
  await Deno.truncate(`${test.directory}/0000000000000000.log`, 0);
  // Before there is more, and after.
  for (const texts of [[], ["two"]]) {
    await write(test.writer, ...texts);
    const error = await rejection(recordsOf(test.log));
    assert.ok(error instanceof JobWorkerError);
    assert.deepEqual([error.code, /damaged behind byte 0 /.test(error.message)], [
      "data_loss",
      true,
    ]);
  }
  assert.equal(textOf((await follower.next()).value?.records ?? []), "two");
  assert.match(String(await rejection(late.next())), /damaged behind byte 0 /);
  await write(test.writer, "three");
  await test.writer[Symbol.asyncDispose]();
  const rest = (await Array.fromAsync(follower)).flatMap(({ records }) => records);
  assert.equal(textOf(rest), "three");
});

Deno.test("A log with files that a power cut has torn is read around the missing parts", async () => {
  await using test = await openLog();
  const data = new Uint8Array(4 * 8 * MIB).fill("x".charCodeAt(0));
  await test.writer.append("stdout", data);
  await test.writer[Symbol.asyncDispose]();
  const [, second, third, fourth] = test.log.segments;
  assert.ok(second && third && fourth);
  // One is cut in the middle of a record; nothing but its name is left of the next.
  await Deno.truncate(test.log.pathOf(second), 5 * MIB);
  await Deno.truncate(test.log.pathOf(third), 0);
  using file = await Deno.open(test.log.pathOf(fourth), { append: true });
  await file.write(new Uint8Array(1000));

  const torn = await JobLog.open(test.directory);
  await torn.mend();
  const gaps: LogGap[] = [];
  let bytes = 0;
  for await (const { records, gap } of readLog(torn, { offset: 0, streams: BOTH, follow: false })) {
    if (gap !== undefined) gaps.push(gap);
    bytes += bytesOf(records).byteLength;
  }
  const [gap, ...others] = gaps;
  assert.ok(gap !== undefined && others.length === 0);
  assert.ok(gap.from > second.start && gap.from <= second.start + 5 * MIB);
  assert.equal(gap.to, fourth.start);
  assert.equal(bytes + gap.to - gap.from, data.byteLength);
  const names = await Array.fromAsync(Deno.readDir(test.directory), ({ name }) => name);
  // It is read the same way ever after.
  const again = await JobLog.open(test.directory);
  assert.deepEqual(again.segments, torn.segments);
  assert.equal(names.length, 4);
});

Deno.test("readLog() without follow ends at what there was when it was asked", async () => {
  await using test = await openLog();
  const data = randomBytes(MIB);
  await test.writer.append("stdout", data);
  const readBytes = () => MAX_RECORD_BYTES;
  const records = [];
  for await (
    const batch of readLog(test.log, { offset: 0, streams: BOTH, follow: false, readBytes })
  ) {
    records.push(...batch.records);
    assert.deepEqual([batch.endOffset, batch.nextOffset <= MIB], [MIB, true]);
    // Twice as fast as it is read.
    await test.writer.append("stdout", randomBytes(2 * MAX_RECORD_BYTES));
  }
  assert.deepEqual(bytesOf(records), data);
});

Deno.test("readLog() ends at every byte, inside records too", async () => {
  await using test = await openLog();
  const texts = ["alpha\n", "!beta", "c", "!", "delta\n\n", "!epsilon", "\0zeta"];
  await write(test.writer, ...texts);
  const whole = texts.join("").replaceAll("!", "");
  for (let endOffset = 0; endOffset <= whole.length + 1; endOffset++) {
    for (let offset = 0; offset <= Math.min(endOffset, whole.length); offset++) {
      const text = textOf(await recordsOf(test.log, { offset, endOffset }));
      assert.equal(text, whole.slice(offset, endOffset));
    }
  }
  await test.writer[Symbol.asyncDispose]();
  assert.equal(textOf(await recordsOf(test.log, { follow: true, endOffset: 3 })), whole);
});
