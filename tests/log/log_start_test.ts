import { fc } from "../random.ts";
import type { JobLog } from "../../lib/log/job_log.ts";
import { findStart } from "../../lib/log/log_start.ts";
import type { LogStart, LogStream } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { BOTH, randomBytes, textOf } from "../worker/fixture.ts";
import { fakeClock, openLog, recordsOf, type TestLog, write } from "./log_fixture.ts";

const MIB = 1024 * 1024;

/** What a reader sees who starts there. */
async function textFrom(
  test: TestLog,
  start: LogStart,
  streams: readonly LogStream[] = BOTH,
): Promise<string> {
  const offset = await findStart(test.log, start, new Set(streams));
  return textOf(await recordsOf(test.log, { offset, streams }));
}

/** The last lines of a text, as tail(1) has it. */
function lastLines(text: string, lines: number): string {
  const found = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return found.slice(found.length - Math.min(lines, found.length)).join("");
}

Deno.test("tail finds the last lines, with and without a final line end", async () => {
  for (const text of ["", "\n", "a", "a\n", "a\nb", "a\nb\n", "\n\n", "a\n\nb\n\n"]) {
    await using test = await openLog();
    await write(test.writer, text);
    for (let lines = 0; lines < 6; lines++) {
      const expected = lastLines(text, lines);
      const found = await textFrom(test, { kind: "tail", lines });
      assert.equal(found, expected, `tail ${lines} of ${JSON.stringify(text)}`);
    }
  }
});

Deno.test("tail finds the last lines wherever records begin, in one stream or both", async () => {
  const piece = fc.record({
    stream: fc.constantFrom<LogStream>("stdout", "stderr"),
    text: fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 6 }),
  });
  const streams = fc.constantFrom<LogStream[]>(["stdout"], ["stderr"], ["stdout", "stderr"]);
  const property = fc.asyncProperty(
    fc.array(piece, { maxLength: 12 }),
    streams,
    fc.nat(8),
    async (pieces, streams, lines) => {
      await using test = await openLog();
      for (const { stream, text } of pieces) {
        await test.writer.append(stream, new TextEncoder().encode(text));
      }
      const wanted = pieces.filter(({ stream }) => streams.includes(stream));
      const expected = lastLines(wanted.map(({ text }) => text).join(""), lines);
      assert.equal(await textFrom(test, { kind: "tail", lines }, streams), expected);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

Deno.test("tail finds lines across blocks, and the files of a log", async () => {
  await using test = await openLog();
  const long = `${"x".repeat(3 * MIB)}\n`;
  for (const line of ["1", "2", "3"]) await write(test.writer, `${line}${long}`);
  await write(test.writer, "4\n");
  assert.ok(test.log.segments.length > 1);
  for (let lines = 1; lines <= 5; lines++) {
    const found = await textFrom(test, { kind: "tail", lines });
    const firstCharacters = found.split("\n").map((line) => line.charAt(0)).join("");
    assert.equal(firstCharacters, "1234".slice(Math.max(0, 4 - lines)), `tail ${lines}`);
  }
});

Deno.test("tail reads no more of a log than its last lines", async () => {
  await using test = await openLog();
  await test.writer.append("stdout", randomBytes(20 * MIB));
  await write(test.writer, "\nlast\n");
  for (const segment of test.log.segments.slice(0, -1)) {
    await Deno.remove(test.log.pathOf(segment));
  }
  assert.equal(await textFrom(test, { kind: "tail", lines: 1 }), "last\n");
});

Deno.test("since finds the first record that is not older", async () => {
  await using test = await openLog();
  using clock = fakeClock(0);
  for (clock.now = 100; clock.now <= 500; clock.now += 100) {
    await write(test.writer, `${clock.now} `);
  }
  const from = (time: number) => textFrom(test, { kind: "since", time });
  assert.equal(await from(0), "100 200 300 400 500 ");
  assert.equal(await from(300), "300 400 500 ");
  assert.equal(await from(301), "400 500 ");
  assert.equal(await from(500), "500 ");
  assert.equal(await from(501), "");
});

Deno.test("since finds its record in any file of a log, and where two files meet", async () => {
  await using test = await openLog();
  using clock = fakeClock(100);
  const piece = new Uint8Array(MIB).fill(0x20);
  for (let count = 1; count <= 20; count++, clock.now += 100) {
    await test.writer.append("stdout", piece);
    await write(test.writer, `${clock.now}`);
  }
  assert.equal(test.log.segments.length, 3);
  for (let time = 50; time < 2_100; time += 100) {
    const found = (await textFrom(test, { kind: "since", time })).match(/\d+/g) ?? [];
    assert.equal(found[0], time < 2_000 ? `${time + 50}` : undefined, `since ${time}`);
  }
});

Deno.test("since finds the first of many records of one time, in whichever file it is", async () => {
  await using test = await openLog();
  using clock = fakeClock(100);
  await write(test.writer, "before");
  clock.now = 200;
  const piece = new Uint8Array(MIB);
  for (let count = 0; count < 17; count++) await test.writer.append("stdout", piece);
  assert.equal(test.log.segments.length, 3);
  for (const [time, offset] of [[100, 0], [101, 6], [200, 6], [201, 6 + 17 * MIB]] as const) {
    assert.equal(await findStart(test.log, { kind: "since", time }, new Set(BOTH)), offset);
  }
});

Deno.test("Any start in an empty log is its beginning", async () => {
  await using test = await openLog();
  const starts: LogStart[] = [{ kind: "tail", lines: 3 }, { kind: "since", time: 7 }];
  for (const start of starts) {
    assert.equal(await findStart(test.log, start, new Set(BOTH)), 0);
  }
});

/** A log to which something happens each time one of its files is opened. */
function disturb(log: JobLog, happen: () => Promise<void>): void {
  const { openSegment } = log;
  log.openSegment = async (segment) => {
    await happen();
    return await openSegment.call(log, segment);
  };
}

Deno.test("tail counts what there was when it was asked, not what comes meanwhile", async () => {
  await using test = await openLog();
  await write(test.writer, "1\n2\n", "!3\n", "4");
  const end = test.log.endOffset;
  disturb(test.log, () => write(test.writer, "5\n6\n7\n"));
  const from = async (start: LogStart) => {
    const offset = await findStart(test.log, start, new Set(BOTH), { end });
    return textOf(await recordsOf(test.log, { offset, endOffset: end }));
  };
  assert.equal(await from({ kind: "tail", lines: 2 }), "3\n4");
  assert.equal(await from({ kind: "tail", lines: 9 }), "1\n2\n3\n4");
});

Deno.test("tail begins in what was dropped meanwhile, so that the reader is told", async () => {
  for (const [drops, lines] of [[1, 1e9], [2, 1]] as const) {
    await using test = await openLog();
    await test.writer.append("stdout", randomBytes(9 * MIB));
    await write(test.writer, "last\n");
    const dropped = test.log.segments[drops - 1];
    assert.ok(dropped && test.log.segments.length === 2);
    disturb(test.log, async () => {
      while (test.log.segments.length > 2 - drops) await test.log.dropOldest();
    });
    const offset = await findStart(test.log, { kind: "tail", lines }, new Set(BOTH));
    assert.equal(offset, dropped.start, `${drops} files dropped`);
  }
});
