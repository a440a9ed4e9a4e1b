import { JobWorkerError } from "../../lib/errors.ts";
import { JobLog } from "../../lib/log/job_log.ts";
import { readLog, type ReadLogOptions } from "../../lib/log/log_reader.ts";
import { findStart } from "../../lib/log/log_start.ts";
import { LogLimitError } from "../../lib/log/log_writer.ts";
import type { LogBatch, LogGap, LogLimit } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { BOTH, rejection } from "../worker/fixture.ts";
import { seeded } from "../random.ts";
import { bytesOnDisk, openLog, type TestLog } from "./log_fixture.ts";

const random = seeded("log limit");

const MIB = 1024 * 1024;
const KEEP_NEWEST: LogLimit = { bytes: MIB, policy: "keep_newest" };

function openLimited(limit: LogLimit = KEEP_NEWEST): Promise<TestLog> {
  return openLog({ limit });
}

/** Output that tells at each byte where it belongs: the offset of each group of four in itself. */
function outputFrom(offset: number, length: number): Uint8Array<ArrayBuffer> {
  const skip = offset % 4;
  const groups = new DataView(new ArrayBuffer(length + skip + 4));
  for (let at = 0; at < length + skip; at += 4) groups.setUint32(at, offset - skip + at);
  return new Uint8Array(groups.buffer, skip, length).slice();
}

/** Appends so much more of that output, in pieces of random size, to both streams. */
async function append({ writer, log }: TestLog, length: number): Promise<void> {
  const end = log.endOffset + length;
  for (let at = log.endOffset; at < end;) {
    const size = Math.min(end - at, 1 + Math.floor(random() * 100_000));
    await writer.append(size % 2 === 0 ? "stdout" : "stderr", outputFrom(at, size));
    at += size;
  }
}

/** Takes in what a reader is told, and checks that nothing is repeated, wrong, or missing without a gap. */
class Witness {
  readonly gaps: LogGap[] = [];
  nextOffset: number;

  constructor(from: number) {
    this.nextOffset = from;
  }

  see(batch: Omit<LogBatch, "finishedJob">): void {
    const { gap, records } = batch;
    if (gap !== undefined) {
      assert.equal(gap.from, this.nextOffset, "A gap begins where the reader was");
      assert.ok(gap.to > gap.from);
      this.gaps.push(gap);
      this.nextOffset = gap.to;
    }
    for (const { offset, data } of records) {
      assert.equal(offset, this.nextOffset);
      const expected = outputFrom(offset, data.byteLength);
      assert.ok(equal(data, expected), `Other bytes than there should be behind byte ${offset}`);
      this.nextOffset += data.byteLength;
    }
    assert.equal(batch.nextOffset, this.nextOffset);
  }
}

/** Compares bytes; assert.deepEqual() would report every one that differs. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}

/** Reads to the end. */
async function witnessed(log: JobLog, options: Partial<ReadLogOptions> = {}): Promise<Witness> {
  const { offset = 0 } = options;
  const witness = new Witness(offset);
  for await (const batch of readLog(log, { streams: BOTH, follow: false, ...options, offset })) {
    witness.see(batch);
  }
  return witness;
}

Deno.test("A log with a limit drops its oldest output, and never takes more", async () => {
  await using test = await openLimited();
  for (let round = 0; round < 40; round++) {
    await append(test, 150_000);
    const bytes = await bytesOnDisk(test.directory);
    assert.equal(bytes, test.log.diskBytes);
    assert.ok(bytes <= MIB, `${bytes} bytes`);
    // Not more than a sixteenth is dropped at once, and the largest append.
    if (round > 10) assert.ok(bytes > MIB - MIB / 16 - 164_000, `${bytes} bytes`);
  }
  assert.equal(test.log.endOffset, 40 * 150_000);
  const { gaps, nextOffset } = await witnessed(test.log);
  assert.deepEqual(gaps, [{ from: 0, to: test.log.segments[0]?.start }]);
  assert.equal(nextOffset, test.log.endOffset);
});

Deno.test("A log with a limit is found again as it was, gap and all", async () => {
  await using test = await openLimited();
  await append(test, 3 * MIB);
  await test.writer[Symbol.asyncDispose]();
  const reopened = await JobLog.open(test.directory);
  const written = test.log.segments.map(({ start, size }) => ({ start, size }));
  assert.deepEqual(reopened.segments, written);
  assert.equal(reopened.endOffset, 3 * MIB);
  const { gaps } = await witnessed(reopened);
  assert.deepEqual(gaps, [{ from: 0, to: test.log.segments[0]?.start }]);
});

Deno.test("A follower that keeps up with a log that drops its oldest misses nothing", async () => {
  await using test = await openLimited();
  const following = witnessed(test.log, { follow: true });
  const reader = new Witness(0);
  const paced = readLog(test.log, { offset: 0, streams: BOTH, follow: true });
  for (let round = 0; round < 30; round++) {
    await append(test, 100_000);
    while (reader.nextOffset < test.log.endOffset) {
      const { value } = await paced.next();
      assert.ok(value);
      reader.see(value);
    }
  }
  assert.deepEqual(reader.gaps, []);
  await paced.return();
  await test.writer[Symbol.asyncDispose]();
  // A reader may fall behind the writer, but not without being told.
  assert.equal((await following).nextOffset, test.log.endOffset);
});

Deno.test("A follower that falls behind is told exactly which bytes are gone", async () => {
  await using test = await openLimited();
  await append(test, 200_000);
  const [first] = test.log.segments;
  assert.ok(first);
  const reader = readLog(test.log, { offset: 0, streams: BOTH, follow: true });
  const witness = new Witness(0);
  const begun = await reader.next();
  assert.ok(begun.value);
  witness.see(begun.value);
  assert.ok(witness.nextOffset < 200_000, "It stands in the middle of a file");
  const second = test.log.segments.find(({ start }) => start >= witness.nextOffset)?.start;

  await append(test, 3 * MIB);
  await test.writer[Symbol.asyncDispose]();
  assert.ok(!test.log.segments.includes(first), "The file that it reads is dropped");
  for await (const batch of reader) witness.see(batch);
  // It had that file open, and so it has read it to its end.
  assert.deepEqual(witness.gaps, [{ from: second, to: test.log.segments[0]?.start }]);
  assert.equal(witness.nextOffset, test.log.endOffset);
});

Deno.test("Readers at any pace that join at any instant agree on what there is", async () => {
  await using test = await openLimited();
  const readers: Promise<Witness>[] = [];
  const join = async () => {
    const witness = new Witness(Math.floor(random() * (test.log.endOffset + 1)));
    const options = { offset: witness.nextOffset, streams: BOTH, follow: true };
    const pace = random() * 3;
    for await (const batch of readLog(test.log, options)) {
      witness.see(batch);
      // Whatever takes a moment; the log has no directory before its first byte.
      for (let turns = pace; turns > 1; turns--) await Deno.stat("/");
    }
    return witness;
  };
  for (let round = 0; round < 60; round++) {
    readers.push(join());
    await append(test, 60_000);
  }
  await test.writer[Symbol.asyncDispose]();
  for (const { nextOffset } of await Promise.all(readers)) {
    assert.equal(nextOffset, test.log.endOffset);
  }
});

Deno.test("A reader that begins in a dropped part is told so, whatever it asks for", async () => {
  await using test = await openLimited();
  const started = Date.now();
  await append(test, 3 * MIB);
  const [oldest] = test.log.segments;
  assert.ok(oldest);
  for (const offset of [0, 1, oldest.start - 1, oldest.start, oldest.start + 1]) {
    const { gaps } = await witnessed(test.log, { offset });
    const expected: LogGap[] = offset < oldest.start ? [{ from: offset, to: oldest.start }] : [];
    assert.deepEqual(gaps, expected, `from ${offset}`);
  }
  // One stream, too: a gap may have held some of it.
  const options = { offset: 5, streams: ["stdout"] as const, follow: false };
  const [batch] = await Array.fromAsync(readLog(test.log, options));
  assert.deepEqual(batch?.gap, { from: 5, to: oldest.start });
  // A reader that asks for the newest lines, or for all since a time, asks for nothing that is gone.
  for (const start of [{ kind: "tail", lines: 1e9 }, { kind: "since", time: started }] as const) {
    assert.equal(await findStart(test.log, start, new Set(BOTH)), oldest.start);
  }
});

Deno.test("A gap is reported even if there is nothing else to report", async () => {
  await using test = await openLimited();
  await append(test, 3 * MIB);
  const [oldest] = test.log.segments;
  assert.ok(oldest);
  // All that is left is on the other stream.
  await test.writer.append("stderr", outputFrom(test.log.endOffset, 2 * MIB));
  const { segments } = test.log;
  const options = { offset: 0, streams: ["stdout"] as const, follow: false };
  const batches = await Array.fromAsync(readLog(test.log, options));
  assert.deepEqual(batches.map(({ gap }) => gap).filter(Boolean), [
    { from: 0, to: segments[0]?.start },
  ]);
  assert.deepEqual(batches.flatMap(({ records }) => records), []);
});

Deno.test("A log whose job is to end at its limit keeps what came first", async () => {
  await using test = await openLimited({ bytes: MIB, policy: "end_job" });
  const error = await rejection(append(test, 3 * MIB));
  assert.ok(error instanceof LogLimitError);
  assert.match(error.message, /limit of 1048576 bytes/);
  const { gaps, nextOffset } = await witnessed(test.log);
  assert.deepEqual(gaps, []);
  assert.equal(nextOffset, test.log.endOffset);
  assert.ok(nextOffset > MIB - 70_000 && await bytesOnDisk(test.directory) <= MIB);
});

Deno.test("A log goes on although somebody has removed files of it", async () => {
  await using test = await openLimited();
  await append(test, 800_000);
  const [first, second, third] = test.log.segments;
  assert.ok(first && second && third);
  const reader = readLog(test.log, { offset: 0, streams: BOTH, follow: true });
  const witness = new Witness(0);
  const begun = await reader.next();
  assert.ok(begun.value);
  witness.see(begun.value);
  await Deno.remove(test.log.pathOf(second));
  const error = await rejection(Array.fromAsync(reader));
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "data_loss");
  assert.match(error.message, new RegExp(`missing from byte ${second.start} `));
  // The writer drops it when its time has come, and never misses it.
  await append(test, 2 * MIB);
  assert.equal((await witnessed(test.log)).nextOffset, test.log.endOffset);
});

Deno.test("A log that is dropped whole while it is read ends with a gap up to its former end", async () => {
  await using test = await openLimited();
  await append(test, 800_000);
  const end = test.log.endOffset;
  const begun = readLog(test.log, { offset: 0, streams: BOTH, follow: false });
  const witness = new Witness(0);
  const first = await begun.next();
  assert.ok(first.value);
  witness.see(first.value);
  await append(test, 3 * MIB);
  assert.ok((test.log.segments[0]?.start ?? 0) > end);
  for await (const batch of begun) witness.see(batch);
  assert.equal(witness.nextOffset, end);
  assert.deepEqual(witness.gaps.map(({ to }) => to), [end]);
  // This holds even for a reader that had read nothing yet.
  const options = { offset: 7, endOffset: end };
  assert.deepEqual((await witnessed(test.log, options)).gaps, [{ from: 7, to: end }]);
});

Deno.test("Readers without follow, at any pace and under either policy, end where they should", async () => {
  for (const policy of ["keep_newest", "end_job"] as const) {
    await using test = await openLimited({ bytes: MIB, policy });
    const readers: Promise<void>[] = [];
    const join = async () => {
      const witness = new Witness(Math.floor(Math.random() * (test.log.endOffset + 1)));
      const end = test.log.endOffset;
      const pace = Math.random() * 3;
      const options = { offset: witness.nextOffset, streams: BOTH, follow: false };
      for await (const batch of readLog(test.log, options)) {
        witness.see(batch);
        // Whatever takes a moment; the log has no directory before its first byte.
        for (let turns = pace; turns > 1; turns--) await Deno.stat("/");
      }
      assert.equal(witness.nextOffset, end);
    };
    for (let round = 0; round < 40; round++) {
      readers.push(join());
      // The log that must not grow refuses what comes behind its limit.
      await append(test, 60_000).catch((error) => assert.ok(error instanceof LogLimitError));
    }
    await Promise.all(readers);
  }
});
