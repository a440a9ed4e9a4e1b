import { concat, decodeFrame, encodeFrame, framesIn } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

const frame = fc.record({
  // What JSON makes of a value is what arrives: it knows no -0.
  head: fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
  parts: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
});

Deno.test("framesIn() finds all frames of a buffer, and takes none that is not whole", () => {
  fc.assert(fc.property(fc.array(frame, { maxLength: 6 }), fc.nat(), (frames, mark) => {
    const each = frames.map(({ head, parts }) => encodeFrame(head, parts));
    const whole = concat(each);
    assert.deepEqual(
      framesIn(whole).map(({ head, bytes }) => ({ head, bytes: [...bytes] })),
      frames.map(({ head, parts }) => ({ head, bytes: [...concat(parts)] })),
    );
    const ends = each.map((_, index) => concat(each.slice(0, index)).byteLength);
    const end = mark % (whole.byteLength + 1);
    if ([...ends, whole.byteLength].includes(end)) return;
    assert.throws(() => framesIn(whole.subarray(0, end)));
  }));
});

Deno.test("decodeFrame() takes one whole frame, and nothing else", () => {
  const whole = encodeFrame({ a: 1 }, [new Uint8Array([7, 8])]);
  const { head, bytes } = decodeFrame(whole);
  assert.deepEqual([head, [...bytes]], [{ a: 1 }, [7, 8]]);
  for (let length = 0; length < whole.byteLength; length++) {
    assert.throws(() => decodeFrame(whole.slice(0, length)), /bytes are not one frame/);
  }
  assert.throws(() => decodeFrame(concat([whole, whole])), /bytes are not one frame/);
});
