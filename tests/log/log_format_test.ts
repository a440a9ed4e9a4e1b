import { fc } from "../random.ts";
import {
  decodeRecord,
  decodeRecordBefore,
  encodeRecord,
  MAX_RECORD_BYTES,
  MAX_RECORD_DATA_BYTES,
  RECORD_OVERHEAD_BYTES,
} from "../../lib/log/log_format.ts";
import type { StoredRecord } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { randomBytes } from "../worker/fixture.ts";

const RECORD: fc.Arbitrary<StoredRecord> = fc.record({
  offset: fc.maxSafeNat(),
  time: fc.maxSafeNat(),
  stream: fc.constantFrom("stdout", "stderr"),
  data: fc.uint8Array({ maxLength: 300 }).map((data) => new Uint8Array(data)),
}, { noNullPrototype: true });

function encoded(record: StoredRecord): Uint8Array<ArrayBuffer> {
  const buffer = new Uint8Array(record.data.byteLength + RECORD_OVERHEAD_BYTES);
  // Any split of the offset between the streams gives the same record.
  const before = { stdoutBytes: Math.floor(record.offset / 3), stderrBytes: 0 };
  const stderrBytes = record.offset - before.stdoutBytes;
  assert.equal(encodeRecord(record, { ...before, stderrBytes }, buffer), buffer.byteLength);
  return buffer;
}

/** A buffer that holds something, then the records, as a view into a larger one. */
function block(records: readonly StoredRecord[], before: number): Uint8Array<ArrayBuffer> {
  const parts = records.map(encoded);
  const size = parts.reduce((sum, part) => sum + part.byteLength, before);
  const view = new Uint8Array(size + 20).fill(0xa7).subarray(10, 10 + size);
  let at = before;
  for (const part of parts) {
    view.set(part, at);
    at += part.byteLength;
  }
  return view;
}

Deno.test("decodeRecord() reads what encodeRecord() wrote, one record after the other", () => {
  fc.assert(fc.property(fc.array(RECORD, { maxLength: 5 }), fc.nat(50), (records, before) => {
    const buffer = block(records, before);
    let position = before;
    for (const record of records) {
      const decoded = decodeRecord(buffer, position);
      assert.ok(typeof decoded !== "string", `${decoded}`);
      assert.deepEqual(decoded.record, record);
      position += decoded.size;
    }
    assert.equal(decodeRecord(buffer, position), "incomplete");
  }));
});

Deno.test("decodeRecordBefore() reads the same records backwards", () => {
  fc.assert(fc.property(fc.array(RECORD, { maxLength: 5 }), (records) => {
    const buffer = block(records, 0);
    let end = buffer.byteLength;
    for (const record of records.toReversed()) {
      const decoded = decodeRecordBefore(buffer, end);
      assert.ok(typeof decoded !== "string", `${decoded}`);
      assert.deepEqual(decoded.record, record);
      end -= decoded.size;
    }
    assert.equal(end, 0);
    assert.equal(decodeRecordBefore(buffer, end), "incomplete");
  }));
});

Deno.test("A record that lacks any part is incomplete, in either direction", () => {
  const whole = encoded({ offset: 7, time: 9, stream: "stderr", data: randomBytes(40) });
  for (let length = 0; length < whole.byteLength; length++) {
    assert.equal(decodeRecord(whole.subarray(0, length), 0), "incomplete", `${length} bytes`);
  }
  for (let missing = 1; missing < whole.byteLength; missing++) {
    const rest = whole.subarray(missing);
    assert.equal(decodeRecordBefore(rest, rest.byteLength), "incomplete", `without ${missing}`);
  }
});

Deno.test("A record with a wrong magic, stream, length or trailer is invalid", () => {
  const whole = encoded({ offset: 7, time: 9, stream: "stdout", data: randomBytes(40) });
  const last = whole.byteLength - 1;
  for (const at of [0, 1, 6, last]) {
    const damaged = whole.slice();
    damaged[at] = 0xee;
    assert.equal(decodeRecord(damaged, 0), "invalid", `byte ${at}`);
    assert.equal(decodeRecordBefore(damaged, damaged.byteLength), "invalid", `byte ${at}`);
  }
  const shorter = whole.slice();
  shorter[4] = 39;
  assert.equal(decodeRecord(shorter, 0), "invalid");
});

Deno.test("The largest record has MAX_RECORD_BYTES, and nothing larger is taken for one", () => {
  const data = randomBytes(MAX_RECORD_DATA_BYTES);
  const whole = encoded({ offset: 0, time: 0, stream: "stdout", data });
  assert.equal(whole.byteLength, MAX_RECORD_BYTES);
  assert.ok(typeof decodeRecord(whole, 0) !== "string");
  assert.ok(typeof decodeRecordBefore(whole, whole.byteLength) !== "string");

  const larger = encoded({ offset: 0, time: 0, stream: "stdout", data: new Uint8Array(65_537) });
  assert.equal(decodeRecord(larger, 0), "invalid");
  assert.equal(decodeRecordBefore(larger, larger.byteLength), "invalid");
});
