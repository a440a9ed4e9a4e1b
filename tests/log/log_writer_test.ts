import { JobLog } from "../../lib/log/job_log.ts";
import { MAX_RECORD_DATA_BYTES } from "../../lib/log/log_format.ts";
import { assert } from "../assert.ts";
import { watchFlushes } from "../failing_flush.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import {
  bytesOf,
  randomBytes,
  rejection,
  sha256,
  temporaryDirectory,
  textOf,
} from "../worker/fixture.ts";
import { fakeClock, openLog, recordsOf, write } from "./log_fixture.ts";
import { LogFlusher } from "../../lib/log/log_flusher.ts";
import { LogWriter, type LogWriterOptions } from "../../lib/log/log_writer.ts";
import { PromptWrites } from "../../lib/log/prompt_writes.ts";

const MIB = 1024 * 1024;

/** A disk may fail in a write, which these tests are about. */
const create: PromptWrites["create"] = (...args) => new PromptWrites().create(...args);

Deno.test("LogWriter.append() keeps the order of the calls, streams and offsets included", async () => {
  await using test = await openLog();
  await Promise.all(["a", "!bc", "def", "!g", ""].map((text) => write(test.writer, text)));
  const records = await recordsOf(test.log);
  assert.deepEqual(
    records.map(({ offset, stream, data }) => [offset, stream, data.byteLength]),
    [[0, "stdout", 1], [1, "stderr", 2], [3, "stdout", 3], [6, "stderr", 1]],
  );
  assert.equal(textOf(records), "abcdefg");
  const { stdoutBytes, stderrBytes, endOffset } = test.log;
  assert.deepEqual({ stdoutBytes, stderrBytes, endOffset }, {
    stdoutBytes: 4,
    stderrBytes: 3,
    endOffset: 7,
  });
});

Deno.test("LogWriter.append() splits what is larger than a record", async () => {
  await using test = await openLog();
  const data = randomBytes(2 * MAX_RECORD_DATA_BYTES + 1);
  await test.writer.append("stdout", data);
  const records = await recordsOf(test.log);
  assert.deepEqual(
    records.map((record) => record.data.byteLength),
    [MAX_RECORD_DATA_BYTES, MAX_RECORD_DATA_BYTES, 1],
  );
  assert.deepEqual(bytesOf(records), data);
});

Deno.test("The times of a log never go back, even if the clock does", async () => {
  await using test = await openLog();
  using clock = fakeClock(1_000);
  await write(test.writer, "a");
  clock.now = 500;
  await write(test.writer, "b");
  clock.now = 1_001;
  await write(test.writer, "c");
  const records = await recordsOf(test.log);
  assert.deepEqual(records.map(({ time }) => time), [1_000, 1_000, 1_001]);
});

Deno.test("A log goes on in a new file after 8 MiB, named after its first byte", async () => {
  await using test = await openLog();
  const data = randomBytes(17 * MIB);
  for (let at = 0; at < data.byteLength; at += MIB) {
    await test.writer.append("stdout", data.subarray(at, at + MIB));
  }
  const names = (await Array.fromAsync(Deno.readDir(test.directory))).map(({ name }) => name);
  const starts = test.log.segments.map(({ start }) => start);
  assert.equal(starts.length, 3);
  assert.equal(starts[0], 0);
  assert.deepEqual(names.sort(), starts.map((start) => `${String(start).padStart(16, "0")}.log`));
  const records = await recordsOf(test.log);
  for (const start of starts) assert.ok(records.some(({ offset }) => offset === start));
  assert.equal(await sha256(bytesOf(records)), await sha256(data));
});

Deno.test("The files of a log are its owner's alone", async () => {
  await using test = await openLog();
  await write(test.writer, "secret");
  const file = await Deno.stat(`${test.directory}/0000000000000000.log`);
  const directory = await Deno.stat(test.directory);
  assert.deepEqual([file.mode, directory.mode].map((mode) => (mode ?? 0) & 0o777), [0o600, 0o700]);
});

Deno.test("A log makes its directory at its first byte, and then takes none that is there", async () => {
  await using test = await openLog();
  assert.ok(await rejection(Deno.stat(test.directory)) instanceof Deno.errors.NotFound);
  assert.deepEqual(await recordsOf(test.log), []);
  await write(test.writer, "first");
  await using second = new LogWriter(test.directory);
  const error = await rejection(write(second, "not mine"));
  assert.ok(error instanceof Deno.errors.AlreadyExists);
  assert.equal(textOf(await recordsOf(test.log)), "first");
});

Deno.test("Closing a writer first writes what was appended", async () => {
  await using test = await openLog();
  const appended = write(test.writer, "last words");
  await test.writer[Symbol.asyncDispose]();
  await appended;
  assert.ok(test.log.closed);
  assert.equal(textOf(await recordsOf(test.log, { follow: true })), "last words");
});

Deno.test("A record that the disk took only in part is taken back", async () => {
  let left = Infinity;
  const writes: LogWriterOptions["writes"] = {
    create,
    write(file, data) {
      if (left === 0) throw new Error("No space left on device");
      const written = file.writeSync(data.subarray(0, left));
      left -= written;
      return written;
    },
  };
  await using test = await openLog({ writes });
  await write(test.writer, "whole ");
  left = 10;
  const error = await rejection(write(test.writer, "in part"));
  assert.match(String(error), /No space left/);
  left = Infinity;
  assert.equal(test.log.endOffset, 6);
  const { size } = await Deno.stat(`${test.directory}/0000000000000000.log`);
  assert.equal(size, test.log.segments[0]?.size);
  await write(test.writer, "again");
  assert.equal(textOf(await recordsOf(test.log)), "whole again");
  const reopened = await JobLog.open(test.directory);
  assert.equal(textOf(await recordsOf(reopened)), "whole again");
});

for (const who of ["this thread", "another thread"]) {
  Deno.test(`A record waits ten seconds for room on the disk, unless something else is said: it is written by ${who}`, async () => {
    let isFull = false;
    const writes: LogWriterOptions["writes"] = {
      create,
      write(file, data) {
        if (!isFull) return file.writeSync(data);
        const error = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
        if (who === "this thread") throw error;
        return Promise.reject(error);
      },
    };
    await using test = await openLog({ writes });
    await write(test.writer, "whole ");
    isFull = true;
    using timers = new FakeTimers();
    let waited = 0;
    let fault: unknown = null;
    const writing = write(test.writer, "more").catch((error) => fault = error);
    while (fault === null && waited <= 10_000) {
      await Deno.stat(test.directory);
      if (timers.pending === 0) continue;
      waited += timers.next;
      timers.pass(timers.next);
    }
    await writing;
    assert.match(String(fault), /No space left/);
    assert.ok(waited > 9_000 && waited <= 10_000, `${waited} ms`);
  });
}

Deno.test("JobLog.open() finds the log as its writer left it", async () => {
  await using test = await openLog();
  await write(test.writer, "one", "!two");
  await test.writer.append("stdout", randomBytes(9 * MIB));
  await write(test.writer, "end");
  await test.writer[Symbol.asyncDispose]();
  const reopened = await JobLog.open(test.directory);
  assert.ok(reopened.closed);
  assert.equal(reopened.endOffset, test.log.endOffset);
  const written = test.log.segments.map(({ start, size }) => ({ start, size }));
  assert.deepEqual(reopened.segments, written);
  assert.deepEqual(await recordsOf(reopened), await recordsOf(test.log));
});

Deno.test("JobLog.open() finds the log of a job that printed nothing", async () => {
  await using test = await openLog();
  // A crash may fall between the directory and the first file in it.
  await Deno.mkdir(test.directory);
  const reopened = await JobLog.open(test.directory);
  assert.equal(reopened.endOffset, 0);
  assert.deepEqual(await recordsOf(reopened, { follow: true }), []);
});

Deno.test("JobLog.open() leaves out a last record that lacks any part", async () => {
  await using test = await openLog();
  await write(test.writer, "whole", "!torn");
  const path = `${test.directory}/0000000000000000.log`;
  const { size } = await Deno.stat(path);
  for (let cut = 1; cut <= 4 + 36; cut++) {
    await Deno.truncate(path, size - cut);
    const reopened = await JobLog.open(test.directory);
    assert.equal(reopened.endOffset, 5, `${cut} bytes cut`);
    assert.equal(textOf(await recordsOf(reopened)), "whole");
  }
});

Deno.test("JobLog.open() leaves out what is not a record", async () => {
  await using test = await openLog();
  await write(test.writer, "whole");
  const path = `${test.directory}/0000000000000000.log`;
  for (const rubbish of [new Uint8Array(4096), randomBytes(300_000).fill(0xa7, 0, 1)]) {
    await Deno.writeFile(path, rubbish, { append: true });
    const reopened = await JobLog.open(test.directory);
    assert.equal(reopened.endOffset, 5);
    assert.equal(textOf(await recordsOf(reopened)), "whole");
  }
});

Deno.test("JobLog.open() rejects where there is no log", async () => {
  await using test = await openLog();
  const error = await rejection(JobLog.open(`${test.directory}/nope`));
  assert.ok(error instanceof Deno.errors.NotFound);
});

Deno.test("LogWriter.flush() flushes what was appended since, and nothing twice", async () => {
  await using test = await openLog();
  using flushes = watchFlushes();
  await test.writer.flush();
  assert.equal(flushes.count, 0);
  await write(test.writer, "a", "b");
  await Promise.all([test.writer.flush(), test.writer.flush()]);
  assert.equal(flushes.count, 1);
  await write(test.writer, "c");
  await test.writer.flush();
  await test.writer.flush();
  assert.equal(flushes.count, 2);
});

Deno.test("LogWriter.flush() brings the name of a log to the disk once, however many files it has", async () => {
  await using directory = await temporaryDirectory();
  let names = 0;
  await using writer = new LogWriter(`${directory.path}/log`, {
    limit: { bytes: MIB, policy: "keep_newest" },
    flushName: () => Promise.resolve(void names++),
  });
  for (let time = 0; time < 3; time++) {
    await writer.append("stdout", randomBytes(MIB / 8));
    await writer.flush();
  }
  assert.ok(writer.log.segments.length > 1);
  assert.equal(names, 1);
});

Deno.test("LogWriter.flush() does not mind that the directory of all logs is gone, and brings its name to the disk again", async () => {
  await using directory = await temporaryDirectory();
  let names = 0;
  await using writer = new LogWriter(`${directory.path}/logs/log`, {
    flushName: async () => {
      await Deno.stat(`${directory.path}/logs`);
      names++;
    },
  });
  await writer.append("stdout", randomBytes(1));
  await Deno.remove(`${directory.path}/logs`, { recursive: true });
  await writer.flush();
  await writer.append("stdout", randomBytes(8 * MIB));
  await writer.append("stdout", randomBytes(1));
  await writer.flush();
  assert.equal(names, 1);
});

Deno.test("A log that grows by 8 MiB is flushed at once, before it is closed, and not twice", async () => {
  await using test = await openLog();
  using flushes = watchFlushes();
  await test.writer.append("stdout", randomBytes(8 * MIB - MAX_RECORD_DATA_BYTES));
  assert.equal(flushes.count, 0);
  await test.writer.append("stdout", randomBytes(MAX_RECORD_DATA_BYTES));
  await test.writer[Symbol.asyncDispose]();
  assert.equal(flushes.count, 1);
  await test.writer.flush();
  assert.equal(flushes.count, 1);
});

Deno.test("A log that drops its oldest output is not flushed at once, however fast it grows", async () => {
  await using test = await openLog({ limit: { bytes: MIB, policy: "keep_newest" } });
  using flushes = watchFlushes();
  await test.writer.append("stdout", randomBytes(17 * MIB));
  await test.writer[Symbol.asyncDispose]();
  assert.equal(flushes.count, 0);
});

Deno.test("A log is broken where it cannot be flushed, although nobody has asked for that", async () => {
  await using test = await openLog();
  using _flushes = watchFlushes(1);
  await test.writer.append("stdout", randomBytes(8 * MIB));
  assert.match(String(await test.writer.broken), /Input\/output error/);
  assert.match(String(await rejection(test.writer.flush())), /Input\/output error/);
});

Deno.test("LogFlusher flushes what has grown every two seconds, also what grows while it flushes", async () => {
  using timers = new FakeTimers();
  const flusher = new LogFlusher();
  let slow = Promise.withResolvers<void>();
  const flushed: string[] = [];
  const log = (name: string) => ({
    flush: () => {
      flushed.push(name);
      return slow.promise;
    },
  });
  const passed = async (ms: number) => {
    timers.pass(ms);
    for (let turn = 0; turn < 20; turn++) await null;
    return flushed.splice(0).join(" ");
  };
  const [a, b] = [log("a"), log("b")];
  for (const grown of [a, a, b]) flusher.add(grown);
  assert.equal(await passed(1_999), "");
  assert.equal(await passed(1), "a b");
  flusher.add(a);
  assert.equal(await passed(10_000), "", "A slow disk is given a rest");
  slow.resolve();
  slow = Promise.withResolvers();
  slow.resolve();
  assert.equal(await passed(0), "");
  assert.equal(await passed(2_000), "a");
  assert.equal(await passed(10_000), "");
  flusher.add(b);
  assert.equal(await passed(2_000), "b");
  await flusher[Symbol.asyncDispose]();
  assert.equal(timers.pending, 0);
});

Deno.test("LogWriter.flush() that has failed once never succeeds again", async () => {
  await using test = await openLog();
  await write(test.writer, "a");
  {
    using _flushes = watchFlushes(1);
    assert.match(String(await rejection(test.writer.flush())), /Input\/output error/);
  }
  assert.match(String(await test.writer.broken), /Input\/output error/);
  await write(test.writer, "b");
  assert.match(String(await rejection(test.writer.flush())), /Input\/output error/);
});

Deno.test("LogWriter.flush() does not mind that somebody has removed the log", async () => {
  await using test = await openLog();
  await write(test.writer, "a");
  await Deno.remove(test.directory, { recursive: true });
  await test.writer.flush();
});

Deno.test("Records that are appended after the end of the job have the time of the end, which is before no record", async () => {
  using clock = fakeClock(1_000);
  for (const [end, endsAt] of [[1_500, 1_500], [900, 1_000]] as const) {
    await using test = await openLog();
    clock.now = 1_000;
    const waiting = write(test.writer, "a");
    assert.equal(test.writer.endAt(end), endsAt, "Also where the record waits for the disk");
    await waiting;
    clock.now = 2_000;
    await write(test.writer, "late");
    const records = await recordsOf(test.log);
    assert.deepEqual(records.map(({ time }) => time), [1_000, endsAt]);
  }
});

Deno.test("The time of a record is when it was read, however long it waited for the disk", async () => {
  await using test = await openLog();
  using clock = fakeClock(1_000);
  const appended = write(test.writer, "a", "b");
  clock.now = 9_000;
  await appended;
  const records = await recordsOf(test.log);
  assert.deepEqual(records.map(({ time }) => time), [1_000, 9_000]);
});
