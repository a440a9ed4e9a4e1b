/**
 * A hub and a host with a bus between them that does what the test tells it to.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { abortable } from "../../lib/async/abortable.ts";
import type { Trust } from "../../lib/auth/certificate_path.ts";
import { type DenyList, denyListOf } from "../../lib/auth/deny_list.ts";
import {
  type FleetCredentials,
  type FleetMember,
  issueFleetCredentials,
  makeSealKeys,
} from "../../lib/auth/fleet_certificates.ts";
import { type CertifiedKey, issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import {
  type CallEnvelope,
  readReplyEnvelope,
  type ReplyEnvelope,
} from "../../lib/fleet/envelope.ts";
import { HostClient, type HostClientOptions } from "../../lib/fleet/host_client.ts";
import { HostDoor, type HostDoorOptions, type HostDoorRefusal } from "../../lib/fleet/host_door.ts";
import { loadSealKeys, offerExchange, seal, type SealKeyPair } from "../../lib/fleet/seal.ts";
import { encodeMessage, readMessage } from "../../lib/fleet/sealed_message.ts";
import { isSigned, loadSigningKey, sign, type SigningKey } from "../../lib/fleet/signing.ts";
import type { FleetRequestOptions, FleetTransport } from "../../lib/fleet/transport.ts";
import { encodeFrame } from "../../lib/net/frames.ts";
import type { HostService } from "../../lib/fleet/host_methods.ts";
import type { JobService } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { issueCa } from "../certificates.ts";
import { CALLER } from "../engine/fixture.ts";
import { fakeService } from "../service/samples.ts";
import { rejection } from "../worker/fixture.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const HOUR = 3_600_000;
export const FLEET = "prod";
export const HUB: FleetMember = { fleet: FLEET, kind: "hub", name: "hub-1" };
export const HOST: FleetMember = { fleet: FLEET, kind: "host", name: "web-1" };

/** One CA for all tests of a file. */
export const CA: CertifiedKey = await issueCa("Fleet CA");

/** Good for an hour. */
export function dates(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR / 2), notAfter: new Date(Date.now() + HOUR / 2) };
}

export function credentialsOf(
  member: FleetMember,
  issuer: CertifiedKey = CA,
): Promise<FleetCredentials> {
  return issueFleetCredentials(member, { issuer, ...dates() });
}

export const HUB_CREDENTIALS: FleetCredentials = await credentialsOf(HUB);
export const HOST_CREDENTIALS: FleetCredentials = await credentialsOf(HOST);
export const HUB_KEY: SigningKey = loadSigningKey(HUB_CREDENTIALS.sign);
export const HOST_KEY: SigningKey = loadSigningKey(HOST_CREDENTIALS.sign);
const HOST_SEAL = await makeSealKeys();
export const HOST_SEAL_KEYS: SealKeyPair = loadSealKeys(HOST_SEAL.privateKey);

/** Carries a call: as it is, or otherwise. */
export type Carry = (
  call: { readonly method: string; readonly bytes: Bytes; readonly signal: AbortSignal },
  deliver: (method: string, bytes: Bytes, signal?: AbortSignal) => Promise<Bytes>,
) => Promise<Bytes>;

/** What a transport throws if no answer comes in time, without the time. */
export function timedOut(): JobWorkerError {
  return new JobWorkerError("deadline_exceeded", "No answer within 20 s");
}

/** The error with which a call fails, which must be one of ours. */
export async function failureOf(call: Promise<unknown>): Promise<JobWorkerError> {
  const error = await rejection(call);
  assert.ok(error instanceof JobWorkerError, String(error));
  return error;
}

/** Options of a {@linkcode TestFleet}. */
export interface TestFleetOptions {
  readonly door?: Partial<HostDoorOptions>;
  readonly client?: Partial<HostClientOptions>;
  readonly placeJob?: HostService["placeJob"];
  readonly changes?: HostService["changes"];
}

/** A hub, a host, and the bus between them. */
export class TestFleet implements AsyncDisposable, FleetTransport {
  readonly client: HostClient;
  /** All that the bus has seen, in both directions. */
  readonly carried: { readonly method: string; readonly bytes: Bytes }[] = [];
  readonly faults: unknown[] = [];
  readonly refusals: HostDoorRefusal[] = [];
  /** What the bus does with a call. */
  carry: Carry = ({ method, bytes }, deliver) => deliver(method, bytes);
  /** Who is trusted, on both sides. */
  trust: Trust = { trustedCas: [new X509Certificate(CA.cert)], denyList: new Set() };
  /** What the clock of the host says. */
  hostTime: () => number = Date.now;
  readonly #service: HostService;
  readonly #options: TestFleetOptions;
  door: HostDoor;

  constructor(methods: Partial<JobService>, options: TestFleetOptions = {}) {
    const unexpected = (name: string) => () =>
      Promise.reject(new Error(`The test expects no call of ${name}`));
    const { changes = unexpected("changes"), placeJob = unexpected("placeJob") } = options;
    this.#service = { changes, placeJob, ...fakeService(methods) };
    this.#options = options;
    this.door = this.#openDoor();
    this.client = new HostClient({
      fleet: FLEET,
      hub: HUB.name,
      signingKey: HUB_KEY,
      host: HOST.name,
      hostCertificate: HOST_KEY.certificate,
      hostSealKey: HOST_SEAL_KEYS.publicKey,
      transport: this,
      trust: () => this.trust,
      pauses: { first: 1, last: 20 },
      ...options.client,
    });
  }

  /** Starts the engine of the host again. */
  async restart(): Promise<void> {
    await this.door[Symbol.asyncDispose]();
    this.door = this.#openDoor();
  }

  async request(
    host: string,
    method: string,
    bytes: Bytes,
    { signal }: FleetRequestOptions,
  ): Promise<Bytes> {
    assert.equal(host, HOST.name);
    this.carried.push({ method, bytes });
    const deliver = (name: string, call: Bytes, left = signal) =>
      this.door.answer(name, call, left);
    const answer = await abortable(this.carry({ method, bytes, signal }, deliver), signal);
    this.carried.push({ method, bytes: answer });
    return answer;
  }

  deny(...entries: string[]): void {
    const denyList: DenyList = denyListOf(entries);
    this.trust = { ...this.trust, denyList };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.door[Symbol.asyncDispose]();
  }

  #openDoor(): HostDoor {
    return new HostDoor(this.#service, {
      fleet: FLEET,
      host: HOST.name,
      signingKey: HOST_KEY,
      sealKeys: HOST_SEAL_KEYS,
      trust: () => this.trust,
      now: () => this.hostTime(),
      onFault: (error) => this.faults.push(error),
      onRefusal: (refusal) => this.refusals.push(refusal),
      ...this.#options.door,
    });
  }
}

/** What a forger may choose; the rest is as a hub would have it. */
export interface Forgery {
  readonly envelope?: Partial<Record<keyof CallEnvelope, unknown>>;
  readonly text?: (text: string) => string;
  readonly signingKey?: SigningKey;
  readonly signs?: "call" | "reply";
  readonly sealKey?: Bytes;
  /** What is sealed. */
  readonly body?: Bytes;
  /** What is sent instead of what was sealed and signed. */
  readonly sealed?: (sealed: Bytes) => Bytes;
}

/** Makes a call as a hub does, but for what is forged. */
export async function forge(forgery: Forgery = {}): Promise<Bytes> {
  const { signingKey = HUB_KEY, signs = "call", sealKey = HOST_SEAL_KEYS.publicKey } = forgery;
  const offer = offerExchange(sealKey);
  const now = Date.now();
  const envelope = {
    version: 1,
    fleet: FLEET,
    hub: HUB.name,
    host: HOST.name,
    method: "getJob",
    callId: crypto.randomUUID(),
    issuedAt: now,
    expiresAt: now + 60_000,
    nonce: crypto.randomUUID(),
    epoch: "",
    ephemeral: offer.ephemeral.toBase64(),
    ...forgery.envelope,
  };
  const text = forgery.text?.(JSON.stringify(envelope)) ?? JSON.stringify(envelope);
  const body = forgery.body ?? encodeFrame({ caller: CALLER, request: {}, page: 0 });
  const sealed = await seal(offer.requestKey, body, text);
  return encodeMessage({
    text,
    signature: sign(signingKey.key, signs, text, sealed),
    certificate: signingKey.certificate,
    sealed: forgery.sealed?.(sealed) ?? sealed,
  });
}

/** The envelope of an answer, which the host must have signed. */
export function envelopeOf(answer: Bytes): ReplyEnvelope {
  const message = readMessage(answer);
  assert.ok(message !== null);
  const { text, signature, sealed } = message;
  const { publicKey } = new X509Certificate(HOST_CREDENTIALS.sign.cert);
  assert.ok(isSigned(publicKey, signature, "reply", text, sealed));
  const envelope = readReplyEnvelope(text);
  assert.ok(envelope !== null);
  return envelope;
}

/** A certificate for signing that is like that of a member, but for what is said. */
export async function signerLike(
  request: Partial<Parameters<typeof issueCertificate>[0]>,
): Promise<CertifiedKey> {
  return await issueCertificate({
    subject: [["CN", HUB.name]],
    issuer: CA,
    keyType: "Ed25519",
    usages: ["documentSigning"],
    uris: [`urn:job-worker:${FLEET}:hub:${HUB.name}`],
    ...dates(),
    ...request,
  });
}
