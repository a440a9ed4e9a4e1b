import { MAX_RECORD_BYTES } from "../../lib/log/log_format.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";
import { readLog, type ReadLogOptions } from "../../lib/log/log_reader.ts";
import { type PiecesOfLog, SharedPieces, type UnpackPiece } from "../../lib/log/shared_pieces.ts";
import type { LogRecord, LogStream } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { seeded } from "../random.ts";
import { soon } from "../soon.ts";
import { BOTH, bytesOf, randomBytes, rejection, temporaryDirectory } from "../worker/fixture.ts";
import { openLog, recordsOf, type TestLog, watchReads, write } from "./log_fixture.ts";

const random = seeded("shared pieces");

type Reader = ReturnType<typeof readLog>;

/** Follows a log whose readers share what they read. */
function follow(
  { log }: TestLog,
  pieces: SharedPieces,
  options: Partial<ReadLogOptions> = {},
): Reader {
  const shared: PiecesOfLog = {
    at: (place) => pieces.at("log", place),
    share: (place, piece) => {
      pieces.share("log", place, piece);
      return true;
    },
  };
  return readLog(log, { offset: 0, streams: BOTH, follow: true, shared, ...options });
}

async function next(reader: Reader) {
  const { value } = await soon(reader.next(), () => "a batch");
  assert.ok(value);
  return value;
}

Deno.test("Of those who follow a log one reads it, and the others get the same bytes", async () => {
  await using test = await openLog();
  const pieces = new SharedPieces();
  const readers = Array.from({ length: 20 }, () => follow(test, pieces));
  using reads = watchReads();
  for (const [index, text] of ["one", "!two", "three"].entries()) {
    await write(test.writer, text);
    const batches = await Promise.all(readers.map(next));
    assert.equal(reads.total, index + 1);
    for (const { packed } of batches) assert.equal(packed, batches[0]?.packed);
  }
  await Promise.all(readers.map((reader) => reader.return()));
});

Deno.test("Readers share nothing from places inside a record, nor of other streams, nor unless they follow", async () => {
  await using test = await openLog();
  await write(test.writer, "one", "!two");
  const pieces = new SharedPieces();
  const readers = [{}, { offset: 1 }, { streams: ["stderr"] as const }, { follow: false }].map(
    (options) => follow(test, pieces, options),
  );
  using reads = watchReads();
  const batches = await Promise.all(readers.map(next));
  assert.deepEqual(batches.map(({ records }) => new TextDecoder().decode(bytesOf(records))), [
    "onetwo",
    "netwo",
    "two",
    "onetwo",
  ]);
  assert.equal(reads.total, 4);
  await Promise.all(readers.map((reader) => reader.return()));
});

Deno.test("A reader waits for the turn of no other, nor for one that leaves", async () => {
  await using test = await openLog();
  await write(test.writer, "one");
  const pieces = new SharedPieces();
  const leave = Promise.withResolvers<void>();
  const turn = async () => {
    await leave.promise;
    throw new Error("It has left");
  };
  const leaving = follow(test, pieces, { turn }).next();
  const staying = follow(test, pieces);
  using reads = watchReads();
  assert.equal(bytesOf((await next(staying)).records).byteLength, 3);
  assert.equal(reads.total, 1);
  leave.resolve();
  assert.match(String(await rejection(leaving)), /It has left/);
  await staying.return();
});

Deno.test("A reader goes on where it has read to, whoever has unpacked it", async () => {
  await using test = await openLog();
  const data = randomBytes(3 * 65_536);
  await test.writer.append("stdout", data);
  const pieces = new SharedPieces();
  const turn = Promise.withResolvers<void>();
  // One and a half of the records.
  const readBytes = () => 1.5 * MAX_RECORD_BYTES;
  const first = follow(test, pieces, { readBytes, turn: () => turn.promise });
  const begun = next(first);
  const second = follow(test, pieces, { readBytes });
  await next(second);
  turn.resolve();
  const found = [...(await begun).records];
  while (bytesOf(found).byteLength < data.byteLength) found.push(...(await next(first)).records);
  assert.deepEqual(bytesOf(found), data);
  await Promise.all([first, second].map((reader) => reader.return()));
});

Deno.test("Readers are told alike that what they share is damaged", async () => {
  await using test = await openLog();
  await write(test.writer, "one", "!two");
  const [segment] = test.log.segments;
  assert.ok(segment);
  const path = test.log.pathOf(segment);
  const bytes = await Deno.readFile(path);
  bytes.fill(255, bytes.byteLength / 2);
  await Deno.writeFile(path, bytes);
  const pieces = new SharedPieces();
  const readers = [follow(test, pieces), follow(test, pieces)];
  for (const error of await Promise.all(readers.map((reader) => rejection(reader.next())))) {
    assert.match(String(error), /damaged behind byte 3 /);
  }
});

Deno.test("A reader that gets what another has read waits for its own turn", async () => {
  await using test = await openLog();
  await write(test.writer, "one");
  const pieces = new SharedPieces();
  const first = follow(test, pieces);
  await next(first);
  let turns = 0;
  const second = follow(test, pieces, { turn: () => Promise.resolve(void turns++) });
  await next(second);
  assert.equal(turns, 1);
  await Promise.all([first, second].map((reader) => reader.return()));
});

Deno.test("A reader keeps what it has got, however far others have read on, and then goes on by itself", async () => {
  await using test = await openLog();
  const data = randomBytes(300 * MAX_RECORD_BYTES);
  await test.writer.append("stdout", data);
  const pieces = new SharedPieces();
  const slow = follow(test, pieces);
  const fast = follow(test, pieces);
  const [{ records }] = await Promise.all([next(slow), next(fast)]);
  const held = bytesOf(records).slice();
  for (let read = records.length; read * 65_536 < data.byteLength;) {
    read += (await next(fast)).records.length;
  }
  assert.deepEqual(bytesOf(records), held);
  let found = held.byteLength;
  while (found < data.byteLength) {
    const more = bytesOf((await next(slow)).records);
    assert.deepEqual(more, data.subarray(found, found + more.byteLength));
    found += more.byteLength;
  }
  await Promise.all([slow, fast].map((reader) => reader.return()));
});

Deno.test("Readers that share get all that was printed, wherever they begin, of whatever streams, at any pace", async () => {
  await using test = await openLog();
  const pieces = new SharedPieces();
  const sizes = [1, 40, 3_000, 65_536];
  const print = async () => {
    for (let count = 0; count < 300; count++) {
      const stream = random() < 0.5 ? "stdout" : "stderr";
      await test.writer.append(stream, randomBytes(sizes[Math.floor(random() * 4)] ?? 0));
    }
  };
  await print();
  const starts = (await recordsOf(test.log)).map(({ offset }) => offset);
  const readers = Array.from({ length: 30 }, async (_, index) => {
    const streams: LogStream[] = [["stdout"], ["stderr"], [...BOTH]][index % 3] as LogStream[];
    const start = starts[Math.floor(random() ** 2 * starts.length)] ?? 0;
    const offset = start + (index % 5 === 0 ? 1 : 0);
    const found: LogRecord[] = [];
    const readBytes = () => MAX_RECORD_BYTES * (1 + index % 4);
    for await (const { records } of follow(test, pieces, { offset, streams, readBytes })) {
      found.push(...records);
      for (let wait = random() * 8; wait > 1; wait--) await Deno.stat(test.directory);
    }
    return { offset, streams, found };
  });
  await print();
  await test.writer[Symbol.asyncDispose]();
  const all = await soon(Promise.all(readers), () => "the end of a log");
  for (const { offset, streams, found } of all) {
    const expected = await recordsOf(test.log, { offset, streams });
    assert.deepEqual(bytesOf(found), bytesOf(expected));
  }
});

Deno.test("LogLibrary shares nothing of a log that one reader has, and drops it when the others leave", async () => {
  await using directory = await temporaryDirectory();
  await using logs = await LogLibrary.open(`${directory.path}/logs`);
  const piece = Promise.resolve<UnpackPiece>(() => Promise.reject(new Error("not read")));
  const of = logs.piecesOf("job");
  using _alone = logs.countReader("job");
  of.share("a", piece);
  assert.equal(of.at("a"), undefined);
  {
    using _other = logs.countReader("job");
    of.share("a", piece);
    assert.equal(of.at("a"), piece);
    assert.equal(logs.piecesOf("another job").at("a"), undefined);
  }
  assert.equal(of.at("a"), undefined);
});

Deno.test("SharedPieces keeps the last 64, of whatever logs", () => {
  const pieces = new SharedPieces();
  const piece = Promise.resolve<UnpackPiece>(() => Promise.reject(new Error("not read")));
  for (let place = 0; place < 70; place++) pieces.share(`job ${place % 3}`, `${place}`, piece);
  for (let place = 0; place < 70; place++) {
    assert.equal(pieces.at(`job ${place % 3}`, `${place}`), place < 6 ? undefined : piece);
  }
});
