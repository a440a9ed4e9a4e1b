import {
  MAX_PACKED_HEADER_BYTES,
  packedHeader,
  packedPieces,
  unpackRecords,
} from "../../lib/job/packed_records.ts";
import { LOG_STREAMS, type LogRecord } from "../../lib/job/types.ts";
import { RECORD_OVERHEAD_BYTES } from "../../lib/log/log_format.ts";
import { concat } from "../../lib/net/frames.ts";
import { JOB_WORKER } from "../../lib/grpc/protocol.ts";
import { readLogBatch } from "../../lib/grpc/wire_responses.ts";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

const record = fc.record({
  offset: fc.maxSafeNat(),
  time: fc.integer({ min: 0, max: 8_640_000_000_000 }),
  stream: fc.constantFrom(...LOG_STREAMS, "unknown" as const),
  data: fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
}, { noNullPrototype: true });

function packed(records: readonly LogRecord[]): Uint8Array<ArrayBuffer> {
  return concat(packedPieces({ records, nextOffset: 0, finishedJob: null }));
}

Deno.test("packed records are what protobuf makes of them in the contract", () => {
  const { responseDeserialize } = JOB_WORKER.StreamLogs;
  fc.assert(fc.property(fc.array(record), (records) => {
    const { records: read } = readLogBatch(responseDeserialize(packed(records) as never));
    assert.deepEqual(read.map((one) => ({ ...one, data: new Uint8Array(one.data) })), records);
  }));
});

Deno.test("unpackRecords() gives back what was packed", () => {
  fc.assert(fc.property(fc.array(record), (records) => {
    assert.deepEqual(unpackRecords(packed(records)), records);
  }));
});

Deno.test("unpackRecords() refuses what is cut off, and what is no record", () => {
  const whole = packed([{ offset: 300, time: 5, stream: "stderr", data: new Uint8Array(3) }]);
  for (let length = 1; length < whole.byteLength; length++) {
    assert.throws(() => unpackRecords(whole.subarray(0, length)), TypeError, `${length}`);
  }
  for (const bytes of [[8, 1], [10, 2, 40, 1]]) {
    assert.throws(() => unpackRecords(new Uint8Array(bytes)), TypeError);
  }
});

Deno.test("packed, a record fits into its place on the disk, whatever its numbers", () => {
  const [offset, time] = [Number.MAX_SAFE_INTEGER, 8_640_000_000_000_000 - 1];
  const header = packedHeader({ offset, time, stream: "stderr" }, 64 * 1024);
  assert.ok(header.byteLength <= MAX_PACKED_HEADER_BYTES);
  assert.ok(MAX_PACKED_HEADER_BYTES <= RECORD_OVERHEAD_BYTES);
});
