import type { LogBatch, LogRecord } from "../job/types.ts";

/**
 * A batch of a log as several, in each of which there are so many bytes of output at most. One that is small enough is
 * passed on as it is.
 */
export function* batchParts(batch: LogBatch, maxBytes: number): Generator<LogBatch> {
  const { records, nextOffset, gap, endOffset, finishedJob } = batch;
  if (records.reduce((sum, { data }) => sum + data.byteLength, 0) <= maxBytes) {
    yield batch;
    return;
  }
  const end = endOffset === undefined ? {} : { endOffset };
  let before = gap === undefined ? {} : { gap };
  let part: LogRecord[] = [];
  let room = maxBytes;
  for (const record of records) {
    for (let rest = record; rest.data.byteLength > 0;) {
      if (room === 0) {
        yield { records: part, nextOffset: rest.offset, ...end, ...before, finishedJob: null };
        [part, room, before] = [[], maxBytes, {}];
      }
      const data = rest.data.subarray(0, room);
      part.push({ ...rest, data });
      room -= data.byteLength;
      rest = {
        ...rest,
        offset: rest.offset + data.byteLength,
        data: rest.data.subarray(data.byteLength),
      };
    }
  }
  yield { records: part, nextOffset, ...end, ...before, finishedJob };
}
