import { SpareBuffers } from "../../lib/net/spare_buffers.ts";
import { assert } from "../assert.ts";

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
