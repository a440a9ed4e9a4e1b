import { concat } from "../../lib/net/frames.ts";
import type { LogBatch, LogRecord } from "../../lib/job/types.ts";
import { batchParts } from "../../lib/service/batch_parts.ts";
import { assert } from "../assert.ts";
import { WHOLE_JOB } from "./samples.ts";

const DATA = Uint8Array.from({ length: 100 }, (_, index) => index);

/** Records of these sizes, one after the other. */
function batchOf(...sizes: readonly number[]): LogBatch {
  let offset = 1000;
  const records: LogRecord[] = sizes.map((size, index) => {
    const data = DATA.subarray(offset - 1000, offset - 1000 + size);
    const record = { offset, time: index, stream: index % 2 ? "stderr" : "stdout", data } as const;
    offset += size;
    return record;
  });
  const gap = { from: 900, to: 1000 };
  return { records, gap, endOffset: 5000, nextOffset: 1200, finishedJob: WHOLE_JOB };
}

Deno.test("The parts of a batch have its bytes, once and in order, and no more than so many each", () => {
  for (const maxBytes of [1, 7, 10, 30, 99]) {
    const batch = batchOf(10, 0, 30, 55, 5);
    const parts = [...batchParts(batch, maxBytes)];
    const records = parts.flatMap((part) => part.records);
    assert.deepEqual(concat(records.map(({ data }) => data)), DATA);
    for (const { offset, stream, time, data } of records) {
      const source = batch.records.findLast((record) => record.offset <= offset);
      assert.deepEqual([stream, time], [source?.stream, source?.time]);
      assert.equal(data[0], offset - 1000);
    }
    for (const [index, part] of parts.entries()) {
      const size = part.records.reduce((sum, { data }) => sum + data.byteLength, 0);
      assert.ok(size > 0 && size <= maxBytes);
      // Whoever goes on there misses nothing.
      const next = parts[index + 1];
      assert.equal(part.nextOffset, next?.records[0]?.offset ?? 1200);
      assert.equal(part.endOffset, 5000);
      assert.deepEqual(part.gap, index === 0 ? batch.gap : undefined);
      assert.deepEqual(part.finishedJob, next === undefined ? WHOLE_JOB : null);
    }
  }
});

Deno.test("A batch that is small enough stays as it is", () => {
  for (const batch of [batchOf(40, 60), batchOf()]) {
    const [only, ...more] = batchParts(batch, 100);
    assert.equal(only, batch);
    assert.deepEqual(more, []);
  }
});
