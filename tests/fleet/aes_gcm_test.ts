import { decrypt, encrypt } from "../../lib/fleet/aes_gcm.ts";
import { assert } from "../assert.ts";

const iv = new Uint8Array(12).map((_, index) => index);
const key = new Uint8Array(32).map((_, index) => 2 * index);
const params = { key, iv, context: "context" };
/** Some are worked on in place, and some by another thread. */
const SIZES = [0, 1, 16, 4 * 1024, 4 * 1024 + 1, 100_000];

function textOf(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).map((_, index) => index);
}

Deno.test("Texts of all sizes are encrypted as Web Crypto does it", async () => {
  const additionalData = new TextEncoder().encode("context");
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  for (const size of SIZES) {
    const text = textOf(size);
    const algorithm = { name: "AES-GCM", iv, additionalData };
    const expected = new Uint8Array(await crypto.subtle.encrypt(algorithm, imported, text));
    assert.deepEqual(await encrypt(text, params), expected);
    assert.deepEqual(await decrypt(expected, params), text);
  }
});

Deno.test("Nothing is decrypted that was changed, cut off, or encrypted with anything else", async () => {
  for (const size of SIZES) {
    const encrypted = await encrypt(textOf(size), params);
    for (const at of [0, encrypted.byteLength - 1]) {
      const changed = encrypted.map((byte, index) => index === at ? byte ^ 1 : byte);
      assert.equal(await decrypt(changed, params), null);
    }
    // A shorter tag would be easier to guess.
    for (const length of [0, 4, 12, 15, encrypted.byteLength - 1]) {
      assert.equal(await decrypt(encrypted.subarray(0, length), params), null);
    }
    assert.equal(await decrypt(encrypted, { ...params, context: "other" }), null);
    assert.equal(await decrypt(encrypted, { ...params, iv: new Uint8Array(12) }), null);
    assert.equal(await decrypt(encrypted, { ...params, key: new Uint8Array(32) }), null);
  }
});
