import { fc } from "../random.ts";
import {
  decodeFrame,
  decodeFrames,
  encodeFrame,
  framesIn,
  readFrames,
} from "../../lib/net/frames.ts";
import { SpareBuffers } from "../../lib/net/spare_buffers.ts";
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

Deno.test("framesIn() finds all frames of a buffer, and takes none that is not whole", () => {
  fc.assert(fc.property(fc.array(frame, { maxLength: 6 }), fc.nat(), (frames, mark) => {
    const whole = concat(frames.map(({ head, parts }) => encodeFrame(head, parts)));
    assert.deepEqual(
      framesIn(whole).map(({ head, bytes }) => ({ head, bytes: [...bytes] })),
      frames.map(({ head, parts }) => ({ head, bytes: [...concat(parts)] })),
    );
    const ends = frames.map((_, index) =>
      concat(frames.slice(0, index).map(({ head, parts }) => encodeFrame(head, parts))).byteLength
    );
    const end = mark % (whole.byteLength + 1);
    if ([...ends, whole.byteLength].includes(end)) return;
    assert.throws(() => framesIn(whole.subarray(0, end)));
  }));
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

/** The frames that `readFrames()` finds, copied before the next one takes their place. */
function framesOf(source: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const options = { turn: () => Promise.resolve(), buffers: new SpareBuffers() };
  return Array.fromAsync(
    readFrames(source, options),
    ({ head, bytes }) => ({ head, bytes: [...bytes] }),
  );
}

/** A stream of bytes, in these pieces. */
function bytesStream(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = pieces[Symbol.asyncIterator]();
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else if (value.byteLength > 0) controller.enqueue(value);
      else await this.pull?.(controller);
    },
  });
}

Deno.test("readFrames() finds the frames however their bytes are cut, and uses buffers again", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      async (frames, marks) => {
        // Large enough to be worth keeping, and each of another length.
        const large = frames.map(({ head, parts }, index) => ({
          head,
          parts: [...parts, new Uint8Array(20_000 - 10 * index).fill(index)],
        }));
        const all = [...frames, ...large];
        const whole = concat(all.map(({ head, parts }) => encodeFrame(head, parts)));
        const found = await framesOf(bytesStream(cut(whole, marks)));
        assert.deepEqual(
          found,
          all.map(({ head, parts }) => ({ head, bytes: [...concat(parts)] })),
        );
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("readFrames() keeps back what is no whole frame", async () => {
  const whole = encodeFrame({}, [new Uint8Array(10)]);
  for (let length = 0; length < whole.byteLength; length++) {
    // Some streams say themselves that they end too early.
    const found = await framesOf(bytesStream(cut(whole.slice(0, length), []))).catch(() => []);
    assert.deepEqual(found, []);
  }
});

Deno.test("SpareBuffers hands out what was given back, if that is large enough, and keeps few", () => {
  const buffers = new SpareBuffers();
  const [large, small] = [new ArrayBuffer(100_000), new ArrayBuffer(50_000)];
  for (const buffer of [small, large, new ArrayBuffer(1000), new ArrayBuffer(1_000_000)]) {
    buffers.give(buffer);
  }
  assert.equal(buffers.take(50_001), large);
  assert.equal(buffers.take(600_000).byteLength, 600_000);
  assert.equal(buffers.take(100).byteLength, 100);
  const others = Array.from({ length: 8 }, () => new ArrayBuffer(50_000));
  for (const buffer of others) buffers.give(buffer);
  assert.equal(buffers.take(50_000), others[0], "The oldest one has made room");
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
