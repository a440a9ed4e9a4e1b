import { fc } from "../random.ts";
import { decodeFrame, decodeFrames, encodeFrame } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";

/** The stream of these bytes, cut wherever there is a mark. */
async function* cut(
  whole: Uint8Array<ArrayBuffer>,
  marks: readonly number[],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const places = marks.map((mark) => mark % (whole.byteLength + 1)).sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, whole.byteLength]) {
    yield whole.slice(from, to);
    from = to;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const part = fc.uint8Array({ maxLength: 300 });
const frame = fc.record({
  // What JSON makes of a value is what arrives: it knows no -0.
  head: fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
  parts: fc.array(part, { maxLength: 4 }),
});

Deno.test("decodeFrames() finds the frames however their bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      async (frames, marks) => {
        const whole = concat(frames.map(({ head, parts }) => encodeFrame(head, parts)));
        const found = await Array.fromAsync(decodeFrames(cut(whole, marks)));
        assert.deepEqual(
          found.map(({ head, bytes }) => ({ head, bytes: [...bytes] })),
          frames.map(({ head, parts }) => ({ head, bytes: [...concat(parts)] })),
        );
      },
    ),
  );
});

Deno.test("decodeFrames() yields a frame as soon as its last byte is there, and no sooner", async () => {
  const whole = encodeFrame({ kind: "value", value: "ä" }, [new Uint8Array([0, 255])]);
  let sent = 0;
  async function* slowly(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (const byte of [...whole, ...whole]) {
      sent++;
      yield new Uint8Array([byte]);
    }
  }
  const arrivals: number[] = [];
  for await (const { head, bytes } of decodeFrames(slowly())) {
    arrivals.push(sent);
    assert.deepEqual(head, { kind: "value", value: "ä" });
    assert.deepEqual([...bytes], [0, 255]);
  }
  assert.deepEqual(arrivals, [whole.byteLength, 2 * whole.byteLength]);
});

Deno.test("decodeFrames() keeps back what is no whole frame", async () => {
  const whole = encodeFrame({}, [new Uint8Array(10)]);
  for (let length = 0; length < whole.byteLength; length++) {
    const found = await Array.fromAsync(decodeFrames(cut(whole.slice(0, length), [])));
    assert.deepEqual(found, []);
  }
});

Deno.test("decodeFrame() takes one whole frame, and nothing else", () => {
  const frame = encodeFrame({ a: 1 }, [new Uint8Array([7, 8])]);
  const { head, bytes } = decodeFrame(frame);
  assert.deepEqual([head, [...bytes]], [{ a: 1 }, [7, 8]]);
  for (let length = 0; length < frame.byteLength; length++) {
    assert.throws(() => decodeFrame(frame.slice(0, length)), /bytes are not one frame/);
  }
  assert.throws(() => decodeFrame(concat([frame, frame])), /bytes are not one frame/);
});
