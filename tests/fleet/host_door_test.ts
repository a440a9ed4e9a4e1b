/** What a host takes no notice of, whoever brings it. */

import { X509Certificate } from "node:crypto";
import { loadSigningKey } from "../../lib/fleet/signing.ts";
import { makeSealKeys } from "../../lib/auth/fleet_certificates.ts";
import { decodeFrame, encodeFrame } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";
import { issueCa } from "../certificates.ts";
import { CALLER } from "../engine/fixture.ts";
import { WHOLE_JOB } from "../service/samples.ts";
import {
  credentialsOf,
  dates,
  envelopeOf,
  FLEET,
  forge,
  type Forgery,
  HOST_CREDENTIALS,
  HUB,
  HUB_CREDENTIALS,
  signerLike,
  TestFleet,
} from "./fixture.ts";

const NEVER = new AbortController().signal;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A fleet whose host counts what it does. */
function counting() {
  const state = { calls: 0 };
  const fleet = new TestFleet({
    getJob() {
      state.calls++;
      return Promise.resolve(WHOLE_JOB);
    },
  });
  return { fleet, state };
}

/** A call in the epoch of the host, but for what is forged. */
async function current(fleet: TestFleet, forgery: Forgery = {}) {
  const { epoch } = envelopeOf(await fleet.door.answer("getJob", await forge(), NEVER));
  return await forge({ ...forgery, envelope: { epoch, ...forgery.envelope } });
}

async function whyNot(forgery: Forgery, method = "getJob") {
  const { fleet, state } = counting();
  await using _ = fleet;
  const call = await current(fleet, forgery);
  const { refusal, callId } = envelopeOf(await fleet.door.answer(method, call, NEVER));
  assert.equal(state.calls, refusal === undefined ? 1 : 0);
  // Every hub does that with its first call.
  const isTold = refusal !== undefined && refusal.why !== "other_epoch";
  assert.deepEqual(fleet.refusals.map(({ why }) => why), isTold ? [refusal.why] : []);
  if (refusal !== undefined) assert.equal(callId, "");
  assert.deepEqual(fleet.faults, []);
  return refusal;
}

Deno.test("HostDoor answers the call of a hub", async () => {
  assert.equal(await whyNot({}), undefined);
});

const FORGERIES: Record<string, [Forgery, why: string, message: RegExp]> = {
  "for another host": [{ envelope: { host: "db-1" } }, "other_host", /host "db-1"/],
  "for another fleet": [{ envelope: { fleet: "test" } }, "other_fleet", /fleet "test"/],
  "of another method": [{ envelope: { method: "stopJob" } }, "other_method", /"stopJob".*"getJob"/],
  "of another version": [{ envelope: { version: 2 } }, "other_version", /version 2.*version 1/],
  "that has expired": [
    { envelope: { issuedAt: Date.now() - 2 * MINUTE, expiresAt: Date.now() - MINUTE } },
    "clock_skew",
    /valid from .*Z to .*Z, and the clock of host "web-1" says .*Z/,
  ],
  "that is not valid yet": [
    { envelope: { issuedAt: Date.now() + HOUR, expiresAt: Date.now() + HOUR + MINUTE } },
    "clock_skew",
    /the clock of host "web-1" says/,
  ],
  "that is valid for too long": [
    { envelope: { issuedAt: Date.now(), expiresAt: Date.now() + HOUR } },
    "malformed",
    /cannot be read/,
  ],
  "of another epoch": [
    { envelope: { epoch: crypto.randomUUID() } },
    "other_epoch",
    /does not know what came before/,
  ],
  "without a nonce": [{ envelope: { nonce: "" } }, "malformed", /cannot be read/],
  "that is not an envelope": [{ text: () => "{}" }, "malformed", /cannot be read/],
  "that is not JSON": [{ text: () => "no" }, "malformed", /cannot be read/],
  "whose sealed part was changed": [
    { sealed: (sealed) => sealed.with(0, (sealed[0] ?? 0) ^ 1) },
    "bad_signature",
    /not of this call/,
  ],
  "whose sealed part was exchanged": [
    { sealed: () => new Uint8Array(100) },
    "bad_signature",
    /not of this call/,
  ],
  "that was signed as a reply": [{ signs: "reply" }, "bad_signature", /not of this call/],
  "that has no request": [{ body: encodeFrame({ caller: CALLER }) }, "malformed", /cannot be read/],
  "of nobody": [{ body: encodeFrame({ request: {}, page: 0 }) }, "malformed", /cannot be read/],
  "that holds no frame": [{ body: new Uint8Array(5) }, "malformed", /cannot be read/],
  "whose request is larger than any of its method": [
    { body: encodeFrame({ caller: CALLER, request: {}, page: 0 }, [new Uint8Array(60_000)]) },
    "too_large",
    /getJob has at most/,
  ],
  "in the name of another hub": [
    { envelope: { hub: "hub-2" } },
    "not_a_hub",
    /is that of hub "hub-1" .* from hub "hub-2"/,
  ],
};

for (const [what, [forgery, why, message]] of Object.entries(FORGERIES)) {
  Deno.test(`HostDoor refuses a call ${what}`, async () => {
    const refusal = await whyNot(forgery);
    assert.equal(refusal?.why, why);
    assert.match(refusal.message, message);
  });
}

Deno.test("HostDoor refuses a call that has come by the subject of another method", async () => {
  for (const method of ["stopJob", "reach", "constructor", ""]) {
    assert.equal((await whyNot({}, method))?.why, "other_method");
  }
  const refusal = await whyNot({ envelope: { method: "constructor" } }, "constructor");
  assert.equal(refusal?.message, 'Host "web-1" has no method "constructor"');
});

Deno.test("HostDoor refuses a call that was signed by anybody but a hub of its fleet", async () => {
  const other = await issueCa();
  const refused: Record<string, Promise<{ cert: string; key: string }>> = {
    "an API client": signerLike({ usages: ["clientAuth"], uris: [] }),
    "an API client that calls itself a hub": signerLike({ usages: ["clientAuth"] }),
    "a server": signerLike({ usages: ["serverAuth"], uris: [], hosts: ["hub.example"] }),
    "a signer without a marker": signerLike({ uris: [] }),
    "another host": credentialsOf({ fleet: FLEET, kind: "host", name: "db-1" }).then((it) =>
      it.sign
    ),
    "the host itself": Promise.resolve(HOST_CREDENTIALS.sign),
    "a host with the name of the hub": credentialsOf({ ...HUB, kind: "host" }).then((it) =>
      it.sign
    ),
    "a hub of another fleet": credentialsOf({ ...HUB, fleet: "test" }).then((it) => it.sign),
    "a hub of another CA": credentialsOf(HUB, other).then((it) => it.sign),
    "a hub that has signed itself": signerLike({ issuer: HUB_CREDENTIALS.tls }),
    "a hub that has expired": signerLike({ ...dates(), notAfter: new Date(Date.now() - 1000) }),
    "a hub that is not valid yet": signerLike({
      ...dates(),
      notBefore: new Date(Date.now() + MINUTE),
    }),
  };
  for (const [who, credentials] of Object.entries(refused)) {
    const refusal = await whyNot({ signingKey: loadSigningKey(await credentials) });
    assert.equal(refusal?.why, "not_a_hub", who);
  }
  // Another key with the certificate of the hub.
  const { key } = loadSigningKey((await credentialsOf(HUB)).sign);
  const { certificate } = loadSigningKey(HUB_CREDENTIALS.sign);
  assert.equal((await whyNot({ signingKey: { certificate, key } }))?.why, "bad_signature");
  assert.equal(await whyNot({ signingKey: loadSigningKey(await signerLike({})) }), undefined);
});

Deno.test("HostDoor refuses a hub from the moment when it is on the deny list, or its CA is gone", async () => {
  const { fleet, state } = counting();
  await using _ = fleet;
  const whyNow = async () => {
    const answer = await fleet.door.answer("getJob", await current(fleet), NEVER);
    return envelopeOf(answer).refusal?.message;
  };
  assert.equal(await whyNow(), undefined);
  assert.equal(state.calls, 1);
  const { serialNumber } = new X509Certificate(HUB_CREDENTIALS.sign.cert);
  fleet.deny(serialNumber);
  assert.equal(await whyNow(), "The certificate with which the call is signed is on the deny list");
  assert.match(fleet.refusals[0]?.fingerprint ?? "", /^[0-9a-f]{64}$/);
  fleet.deny();
  assert.equal(await whyNow(), undefined);
  fleet.trust = { ...fleet.trust, trustedCas: [new X509Certificate((await issueCa()).cert)] };
  assert.match(await whyNow() ?? "", /is not signed by a CA that is trusted here/);
  assert.equal(state.calls, 2);
});

Deno.test("HostDoor refuses a call that is sealed to another host", async () => {
  const { publicKey } = await makeSealKeys();
  const refusal = await whyNot({ sealKey: Uint8Array.fromBase64(publicKey) });
  assert.equal(refusal?.why, "other_key");
});

Deno.test("HostDoor takes each call once, however often and whenever it comes", async () => {
  const { fleet, state } = counting();
  await using _ = fleet;
  const call = await current(fleet);
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => fleet.door.answer("getJob", call, NEVER)),
  );
  const refusals = answers.map((it) => envelopeOf(it).refusal?.why);
  assert.equal(state.calls, 1);
  assert.deepEqual(refusals.toSorted(), [
    "repeated",
    "repeated",
    "repeated",
    "repeated",
    undefined,
  ]);
  const again = async () => envelopeOf(await fleet.door.answer("getJob", call, NEVER)).refusal?.why;

  // When it is forgotten, it has expired.
  const now = Date.now();
  fleet.hostTime = () => now + MINUTE;
  assert.equal(await again(), "clock_skew");
  // And if then the clock goes back, or the engine starts again, it belongs to another epoch.
  fleet.hostTime = () => now;
  assert.equal(await again(), "other_epoch");
  await fleet.restart();
  assert.equal(await again(), "other_epoch");
  assert.equal(state.calls, 1);
});

Deno.test("HostDoor takes no more calls than it can remember, and says so", async () => {
  await using fleet = new TestFleet({ getJob: () => Promise.resolve(WHOLE_JOB) }, {
    door: { maxNonces: 2 },
  });
  const whyNow = async () => {
    const answer = await fleet.door.answer("getJob", await current(fleet), NEVER);
    return envelopeOf(answer).refusal;
  };
  const now = Date.now();
  assert.equal(await whyNow(), undefined);
  assert.equal(await whyNow(), undefined);
  assert.deepEqual(await whyNow(), {
    why: "busy",
    message: 'Host "web-1" has had 2 calls in the last minute, and takes no more yet',
  });
  fleet.hostTime = () => now + 59_000;
  assert.equal((await whyNow())?.why, "busy");
});

Deno.test("HostDoor tells of refusals, however many there are, in few words", async () => {
  const fleet = new TestFleet({});
  for (let n = 0; n < 50; n++) await fleet.door.answer("getJob", new Uint8Array(), NEVER);
  await fleet.door.answer("getJob", await current(fleet, { signs: "reply" }), NEVER);
  assert.equal(fleet.refusals.filter(({ why }) => why === "bad_signature").length, 1);
  await fleet[Symbol.asyncDispose]();
  const told = fleet.refusals.filter(({ why }) => why === "malformed");
  assert.ok(told.length <= 21);
  assert.equal(told.reduce((sum, { unreported }) => sum + 1 + unreported, 0), 50);
});

Deno.test("HostDoor answers no matter what comes, and looks no further than it must", async () => {
  const { fleet, state } = counting();
  await using _ = fleet;
  const good = await current(fleet);
  // A head with more than one needs is not looked at, be there nothing wrong with the rest.
  const { head, bytes: sealed } = decodeFrame(await current(fleet));
  const padded = encodeFrame({ ...Object(head), padding: "x".repeat(8 * 1024) }, [sealed]);
  const garbage = [
    new Uint8Array(),
    new Uint8Array(3),
    new Uint8Array(100),
    good.subarray(0, good.byteLength - 1),
    Uint8Array.from([...good, 0]),
    encodeFrame({ text: "{}" }),
    encodeFrame(null),
    padded,
    new Uint8Array(9 * 1024 * 1024),
  ];
  for (const bytes of garbage) {
    const { refusal } = envelopeOf(await fleet.door.answer("getJob", bytes, NEVER));
    assert.equal(refusal?.why, "malformed");
  }
  for (let at = 0; at < good.byteLength; at += 7) {
    const changed = good.with(at, (good[at] ?? 0) ^ 1);
    const { refusal } = envelopeOf(await fleet.door.answer("getJob", changed, NEVER));
    assert.notEqual(refusal, undefined);
  }
  assert.equal(state.calls, 0);
  assert.deepEqual(fleet.faults, []);
});
