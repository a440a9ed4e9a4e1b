import { logStateOf, MirroredLog } from "../../lib/executor/mirrored_log.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { readLog } from "../../lib/log/log_reader.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { segmentPath } from "../../lib/log/segment.ts";
import { assert } from "../assert.ts";
import { openLog, watchReads, write } from "../log/log_fixture.ts";
import { soon } from "../soon.ts";
import { BOTH, temporaryDirectory, textOf } from "../worker/fixture.ts";

const nobodyAsks = () => Promise.reject(new Error("Nobody asks"));

/** What is read of a log by somebody who follows it to its end. */
async function followed(log: MirroredLog): Promise<string> {
  const batches = await Array.fromAsync(readLog(log, { offset: 0, streams: BOTH, follow: true }));
  return textOf(batches.flatMap(({ records }) => records));
}

Deno.test("A mirror follows its log as far as it is told, in whatever order it is told", async () => {
  await using test = await openLog();
  const mirror = new MirroredLog(test.directory, nobodyAsks);
  const text = followed(mirror);
  const empty = logStateOf(test.log);
  assert.deepEqual([mirror.endOffset, mirror.closed, mirror.segments], [0, false, []]);
  await write(test.writer, "one ");
  const one = logStateOf(test.log);
  await write(test.writer, "two ", "!three");
  const changed = mirror.changed();
  mirror.update(logStateOf(test.log));
  await soon(changed, () => "a wake-up");
  const [segment] = mirror.segments;
  // These come late.
  for (const old of [one, empty]) mirror.update(old);
  assert.equal(mirror.endOffset, "one two three".length);
  await write(test.writer, " four");
  mirror.update(logStateOf(test.log));
  assert.equal(mirror.segments[0], segment, "A reader that holds on to it sees it grow");
  assert.equal(segment?.size, test.log.diskBytes);
  await test.writer[Symbol.asyncDispose]();
  mirror.update(logStateOf(test.log));
  assert.equal(mirror.closed, true);
  // Nothing comes after the end.
  mirror.update({ segments: [], endOffset: 1_000, closed: false });
  assert.equal(await soon(text, () => "the end of the log"), "one two three four");
});

Deno.test("A segment that is dropped between the state and the open is a gap, one that somebody removed is not", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/log`;
  const limit = { bytes: 64 * 1024, policy: "keep_newest" } as const;
  await using writer = new LogWriter(path, { limit });
  const piece = "x".repeat(1_000);
  for (let count = 0; count < 20; count++) await write(writer, piece);
  const { log } = writer;
  const mirror = new MirroredLog(path, () => Promise.resolve(logStateOf(log)));
  const before = logStateOf(log);
  mirror.update(before);
  const [first] = mirror.segments;
  assert.ok(first !== undefined && mirror.segments.length > 1);
  for (let count = 0; count < 200; count++) await write(writer, piece);
  assert.ok((log.segments[0]?.start ?? 0) > 0);
  assert.equal(await mirror.openSegment(first), null);
  assert.ok(!mirror.segments.includes(first), "It has asked what there is");

  const [oldest] = mirror.segments;
  assert.ok(oldest !== undefined);
  await Deno.remove(segmentPath(path, oldest));
  await assert.rejects(mirror.openSegment(oldest), (error) => {
    assert.ok(error instanceof JobWorkerError);
    return error.code === "data_loss";
  });
});

Deno.test("A reader goes on behind what was dropped before it came to it", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/log`;
  const limit = { bytes: 64 * 1024, policy: "keep_newest" } as const;
  await using writer = new LogWriter(path, { limit });
  await write(writer, ...Array.from({ length: 20 }, () => "x".repeat(1_000)));
  const { log } = writer;
  const mirror = new MirroredLog(path, () => Promise.resolve(logStateOf(log)));
  mirror.update(logStateOf(log));
  await write(writer, ...Array.from({ length: 200 }, () => "y".repeat(1_000)));
  const kept = log.segments[0]?.start ?? 0;
  await writer[Symbol.asyncDispose]();
  let text = "";
  let gone = 0;
  for await (const batch of readLog(mirror, { offset: 0, streams: BOTH, follow: true })) {
    text += textOf(batch.records);
    if (batch.gap !== undefined) gone += batch.gap.to - batch.gap.from;
  }
  assert.equal(gone, kept);
  assert.equal(text, "y".repeat(220_000 - kept));
});

Deno.test("A log whose executor has died ends with what is on the disk, or nothing", async () => {
  await using test = await openLog();
  const mirror = new MirroredLog(test.directory, nobodyAsks);
  await write(test.writer, "told ");
  mirror.update(logStateOf(test.log));
  const reading = readLog(mirror, { offset: 0, streams: BOTH, follow: true });
  assert.equal(textOf((await reading.next()).value?.records ?? []), "told ");
  // Nobody tells of this any more, and the last record is torn.
  await write(test.writer, "not told ", "torn");
  await test.writer[Symbol.asyncDispose]();
  const file = segmentPath(test.directory, { start: 0, size: 0 });
  await Deno.truncate(file, (await Deno.stat(file)).size - 2);
  await mirror.readDisk();
  const rest = await soon(Array.fromAsync(reading), () => "the end of the log");
  assert.equal(textOf(rest.flatMap(({ records }) => records)), "not told ");
  assert.equal(mirror.endOffset, "told not told ".length);

  const silent = new MirroredLog(`${test.directory}/none`, nobodyAsks);
  const nothing = followed(silent);
  await silent.readDisk();
  assert.equal(await soon(nothing, () => "the end of an empty log"), "");
});

Deno.test("A log that cannot be read leaves nobody waiting", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "");
  const mirror = new MirroredLog(path, nobodyAsks);
  const changed = mirror.changed();
  await assert.rejects(mirror.readDisk(), /Not a directory/);
  await soon(changed, () => "a wake-up");
  assert.equal(mirror.closed, true);
});

Deno.test("What is found on the disk is not taken for what has just been written", async () => {
  await using test = await openLog();
  await write(test.writer, "a little");
  const found = new MirroredLog(test.directory, () => Promise.resolve(logStateOf(test.log)));
  await found.readDisk();
  const told = new MirroredLog(test.directory, () => Promise.resolve(logStateOf(test.log)));
  told.update({ ...logStateOf(test.log), closed: true }, performance.now());
  const reads = async (log: MirroredLog) => {
    using watched = watchReads();
    const batches = readLog(log, { offset: 0, streams: BOTH, follow: false });
    assert.equal((await Array.fromAsync(batches)).length, 1);
    return [watched.here > 0, watched.byThread > 0];
  };
  assert.deepEqual(await reads(found), [false, true]);
  assert.deepEqual(await reads(told), [true, false]);
});
