import { JobLog } from "../../lib/log/job_log.ts";
import { readLog, type ReadLogOptions } from "../../lib/log/log_reader.ts";
import { LogWriter, type LogWriterOptions } from "../../lib/log/log_writer.ts";
import { unpackRecords } from "../../lib/job/packed_records.ts";
import type { LogRecord, LogStream } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { BOTH, temporaryDirectory } from "../worker/fixture.ts";

/** A log that is being written, in a directory that is removed with it. */
export interface TestLog extends AsyncDisposable {
  readonly writer: LogWriter;
  readonly log: JobLog;
  readonly directory: string;
}

/** Makes an empty log. */
export async function openLog(options: LogWriterOptions = {}): Promise<TestLog> {
  const temporary = await temporaryDirectory();
  const directory = `${temporary.path}/log`;
  const writer = new LogWriter(directory, options);
  return {
    writer,
    log: writer.log,
    directory,
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

/** Appends texts, `!text` to stderr, in this order. */
export async function write(writer: LogWriter, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    const stream: LogStream = text.startsWith("!") ? "stderr" : "stdout";
    await writer.append(stream, new TextEncoder().encode(text.replace("!", "")));
  }
}

/**
 * The records that are in a log from some offset on, or that come until it is closed; the same in their packed form.
 */
export async function recordsOf(
  log: JobLog,
  options: Partial<ReadLogOptions> = {},
): Promise<LogRecord[]> {
  const batches = readLog(log, { offset: 0, streams: BOTH, follow: false, ...options });
  const reading = Array.fromAsync(batches);
  return (await soon(reading, () => "the end of a log")).flatMap(({ records, packed }) => {
    if (packed !== undefined) assert.deepEqual(unpackRecords(packed), records);
    return records;
  });
}

/** Counts the reads of files. */
export function watchReads(): Disposable & {
  readonly total: number;
  byThread: number;
  here: number;
} {
  const { read, readSync } = Deno.FsFile.prototype;
  const watch = {
    byThread: 0,
    here: 0,
    get total() {
      return this.byThread + this.here;
    },
    [Symbol.dispose]: () => void Object.assign(Deno.FsFile.prototype, { read, readSync }),
  };
  Deno.FsFile.prototype.read = function (into) {
    watch.byThread++;
    return read.call(this, into);
  };
  Deno.FsFile.prototype.readSync = function (into) {
    watch.here++;
    return readSync.call(this, into);
  };
  return watch;
}

/** Sets the wall clock for as long as it is not disposed of. */
export function fakeClock(startsAt: number): Disposable & { now: number } {
  const original = Date.now;
  const clock = {
    now: startsAt,
    [Symbol.dispose]: () => {
      Date.now = original;
    },
  };
  Date.now = () => clock.now;
  return clock;
}

/** How many bytes the files in a directory have together. */
export async function bytesOnDisk(directory: string): Promise<number> {
  let bytes = 0;
  for await (const { name } of Deno.readDir(directory)) {
    bytes += (await Deno.stat(`${directory}/${name}`)).size;
  }
  return bytes;
}
