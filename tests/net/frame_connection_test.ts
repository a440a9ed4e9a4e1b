import { fc } from "../random.ts";
import { FrameConnection } from "../../lib/net/frame_connection.ts";
import { concat, encodeFrame } from "../../lib/net/frames.ts";
import { SpareBuffers } from "../../lib/net/spare_buffers.ts";
import { assert } from "../assert.ts";
import { arriving } from "./arriving.ts";

/** A connection that keeps what is written to it, and takes so many bytes at a time. */
function keeping(most: number) {
  const writes: Uint8Array<ArrayBuffer>[] = [];
  return {
    writes,
    read: () => Promise.resolve(null),
    write(bytes: Uint8Array): Promise<number> {
      writes.push(new Uint8Array(bytes.subarray(0, most)));
      return Promise.resolve(Math.min(most, bytes.byteLength));
    },
    close: () => {},
  };
}

const part = fc.uint8Array({ maxLength: 300 });
const frame = fc.record({
  // What JSON makes of a value is what arrives: it knows no -0.
  head: fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
  parts: fc.array(part, { maxLength: 4 }),
});

Deno.test("FrameConnection finds the frames however their bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.boolean(),
      async (frames, marks, usesSpares) => {
        // Larger than what is read ahead, and each of another length.
        const large = frames.map(({ head, parts }, index) => ({
          head,
          parts: [...parts, new Uint8Array(20_000 - 10 * index).fill(index)],
        }));
        const all = [...large, ...frames, ...large];
        const whole = concat([
          new Uint8Array(),
          ...all.map(({ head, parts }) => encodeFrame(head, parts as Uint8Array<ArrayBuffer>[])),
        ]);
        const connection = new FrameConnection(arriving(whole, marks).connection);
        const buffers = new SpareBuffers();
        for (const { head, parts } of all) {
          const received = await connection.receive(usesSpares ? { buffers } : {});
          assert.ok(received);
          assert.deepEqual(received.head, head);
          assert.deepEqual([...received.bytes], parts.flatMap((part) => [...part]));
          buffers.give(received.bytes.buffer);
        }
        assert.equal(await connection.receive(), null);
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("FrameConnection.receive() takes a frame as soon as its last byte is there", async () => {
  const whole = encodeFrame({ kind: "value", value: "ä" }, [new Uint8Array([0, 255])]);
  const marks = Array.from({ length: 2 * whole.byteLength }, (_, index) => index);
  const source = arriving(concat([whole, whole]), marks);
  const connection = new FrameConnection(source.connection);
  for (const count of [1, 2]) {
    assert.equal(await connection.begin(), whole.byteLength);
    assert.equal(source.read(), (count - 1) * whole.byteLength + 8);
    assert.deepEqual((await connection.receive())?.bytes, new Uint8Array([0, 255]));
    assert.equal(source.read(), count * whole.byteLength);
  }
});

Deno.test("FrameConnection.frames() keeps back what is no whole frame", async () => {
  for (const bytes of [10, 10_000]) {
    const whole = encodeFrame({}, [new Uint8Array(bytes)]);
    for (let length = 0; length < whole.byteLength; length += Math.ceil(bytes / 100)) {
      const connection = new FrameConnection(arriving(whole.slice(0, length)).connection);
      assert.deepEqual(await Array.fromAsync(connection.frames()), []);
    }
  }
});

Deno.test("FrameConnection.begin() refuses a frame that is too large before it is read", async () => {
  const whole = encodeFrame({}, [new Uint8Array(1000)]);
  const size = whole.byteLength;
  assert.equal(await new FrameConnection(arriving(whole).connection, size).begin(), size);
  const source = arriving(whole, [8]);
  const connection = new FrameConnection(source.connection, size - 1);
  for (const _time of [1, 2]) {
    await assert.rejects(connection.begin(), {
      message: `A frame of ${size} bytes is larger than ${size - 1}`,
    });
  }
  assert.equal(source.read(), 8);
  const lie = new FrameConnection(arriving(new Uint8Array(8).fill(255)).connection);
  await assert.rejects(lie.receive(), /A frame of 8589934598 bytes is larger than 67108864/);
});

Deno.test("FrameConnection.receive() waits for its turn when all is there, before it unpacks", async () => {
  const source = arriving(concat([encodeFrame("x".repeat(10_000)), encodeFrame(1)]));
  const connection = new FrameConnection(source.connection);
  const reason = new Error("Left");
  await assert.rejects(
    connection.receive({
      turn(bytes) {
        assert.equal(bytes, 10_010);
        assert.ok(source.read() >= bytes);
        return Promise.reject(reason);
      },
    }),
    reason,
  );
  assert.equal((await connection.receive())?.head, 1);
});

Deno.test("FrameConnection.receive() reads large frames into spare buffers", async () => {
  const whole = encodeFrame({}, [new Uint8Array(100_000)]);
  const connection = new FrameConnection(arriving(concat([whole, whole])).connection);
  const buffers = new SpareBuffers();
  const spare = new ArrayBuffer(200_000);
  buffers.give(spare);
  assert.equal((await connection.receive({ buffers }))?.bytes.buffer, spare);
  const own = await connection.receive();
  assert.notEqual(own?.bytes.buffer, spare);
  assert.equal(own?.bytes.byteLength, 100_000);
});

Deno.test("FrameConnection.send() joins what is small, and copies nothing that is large", async () => {
  for (const most of [Infinity, 7, 10_000]) {
    const target = keeping(most);
    const connection = new FrameConnection(target);
    const large = new Uint8Array(16 * 1024).fill(3);
    const sent = [
      connection.send(1, [new Uint8Array([1])]),
      connection.send(2),
      connection.send(3, [large]),
      connection.send(4),
    ];
    large[0] = 4;
    await Promise.all(sent);
    const frames = [encodeFrame(1, [new Uint8Array([1])]), encodeFrame(2), encodeFrame(3, [large])];
    assert.deepEqual(concat(target.writes), concat([...frames, encodeFrame(4)]));
    if (most === Infinity) assert.equal(target.writes.length, 3);
  }
});

Deno.test("FrameConnection.send() says nothing of a connection that is broken", async () => {
  const connection = new FrameConnection(arriving(new Uint8Array()).connection);
  await connection.send(1);
  await connection.send(2);
  assert.equal(await connection.receive(), null);
  await connection.close();
});
