import { makeSealKeys } from "../../lib/auth/fleet_certificates.ts";
import { acceptExchange, loadSealKeys, offerExchange, seal, unseal } from "../../lib/fleet/seal.ts";
import { assert } from "../assert.ts";

const host = loadSealKeys((await makeSealKeys()).privateKey);
const other = loadSealKeys((await makeSealKeys()).privateKey);
const text = new TextEncoder().encode("secret");

Deno.test("What is sealed to a host only that host can open, and only in its context", async () => {
  const offer = offerExchange(host.publicKey);
  const sealed = await seal(offer.requestKey, text, "context");
  const { requestKey, replyKey } = acceptExchange(host, offer.ephemeral);
  assert.deepEqual(await unseal(requestKey, sealed, "context"), text);
  assert.equal(await unseal(requestKey, sealed, "other context"), null);
  assert.equal(await unseal(replyKey, sealed, "context"), null);
  const stranger = acceptExchange(other, offer.ephemeral);
  assert.equal(await unseal(stranger.requestKey, sealed, "context"), null);
  for (let at = 0; at < sealed.byteLength; at++) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(await unseal(requestKey, changed, "context"), null);
  }
  assert.equal(await unseal(requestKey, sealed.subarray(1), "context"), null);
  assert.equal(await unseal(requestKey, sealed.subarray(0, 15), "context"), null);
});

Deno.test("What a host seals only the one who has called can open", async () => {
  const offer = offerExchange(host.publicKey);
  const { replyKey } = acceptExchange(host, offer.ephemeral);
  const sealed = await seal(replyKey, text, "context");
  assert.deepEqual(await unseal(offer.replyKey, sealed, "context"), text);
  const another = offerExchange(host.publicKey);
  assert.equal(await unseal(another.replyKey, sealed, "context"), null);
  assert.equal(await unseal(offer.requestKey, sealed, "context"), null);
});

Deno.test("The same text is sealed otherwise in each call", async () => {
  const sealed = await Promise.all(Array.from({ length: 2 }, async () => {
    const { requestKey } = offerExchange(host.publicKey);
    return (await seal(requestKey, text, "")).toHex();
  }));
  assert.notEqual(sealed[0], sealed[1]);
});

Deno.test("A key that leads to no secret is not taken", () => {
  // RFC 7748 §6.1: with points of small order, the result is zero whatever the own key is.
  for (const point of [new Uint8Array(32), Uint8Array.from([1, ...new Uint8Array(31)])]) {
    assert.throws(() => acceptExchange(host, point));
    assert.throws(() => offerExchange(point));
  }
});
