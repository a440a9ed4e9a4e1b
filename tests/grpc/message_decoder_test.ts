import { Buffer } from "node:buffer";
import { MessageDecoder } from "../../lib/grpc/message_decoder.ts";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

/** A message with its prefix. */
function framed(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag, 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const EMPTY = framed(new Uint8Array());

/** What a decoder makes of bytes that arrive in pieces of these sizes, and then the rest. */
function decoded(decoder: MessageDecoder, bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const messages: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    messages.push(...decoder.write(bytes.subarray(at, at + size)));
    at += size;
  }
  return messages;
}

Deno.test("MessageDecoder takes messages out of bytes, in whatever pieces they arrive", () => {
  const messages = fc.array(
    fc.record({ message: fc.uint8Array({ maxLength: 40 }), flag: fc.nat(1) }),
  );
  fc.assert(fc.property(messages, fc.array(fc.nat(20)), (messages, sizes) => {
    const frames = messages.map(({ message, flag }) => framed(message, flag));
    const asked: unknown[] = [];
    const decoder = new MessageDecoder((message) => asked.push(message) > 0);
    assert.deepEqual(decoded(decoder, Buffer.concat(frames), sizes), frames);
    assert.deepEqual(
      asked,
      messages.map(({ message, flag }) => ({ bytes: message.length, isCompressed: flag === 1 })),
    );
  }));
});

Deno.test("MessageDecoder has an empty message in place of one that is not wanted, at once", () => {
  const decoder = new MessageDecoder(({ bytes }) => bytes !== 3);
  const [small, other] = [framed(Buffer.from("ab")), framed(Buffer.from("defg"), 1)];
  const bytes = Buffer.concat([small, framed(Buffer.from("abc"), 1), other]);
  for (let size = 1; size <= bytes.length; size++) {
    const sizes = Array<number>(Math.floor(bytes.length / size)).fill(size);
    assert.deepEqual(decoded(decoder, bytes, sizes), [small, EMPTY, other]);
  }
  assert.deepEqual(decoder.write(framed(Buffer.from("abc")).subarray(0, 5)), [EMPTY]);
  assert.deepEqual(decoder.write(Buffer.from("ab")), []);
  assert.deepEqual(decoder.write(Buffer.concat([Buffer.from("c"), small])), [small]);
});

Deno.test("MessageDecoder keeps nothing of a message that is not wanted", () => {
  const decoder = new MessageDecoder(() => false);
  const prefix = framed(new Uint8Array()).fill(0xff, 1);
  assert.deepEqual(decoder.write(prefix), [EMPTY]);
  const piece = new Uint8Array(1024 * 1024);
  const before = Deno.memoryUsage();
  for (let count = 0; count < 4095; count++) assert.deepEqual(decoder.write(piece), []);
  const { external } = Deno.memoryUsage();
  assert.ok(external - before.external < 64 * 1024 * 1024, `${external} bytes`);
});
