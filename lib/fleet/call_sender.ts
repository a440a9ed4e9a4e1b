import type { KeyObject } from "node:crypto";
import type { Trust } from "../auth/certificate_path.ts";
import type { Parts } from "../engine/messages.ts";
import { failedPrecondition, JobWorkerError } from "../errors.ts";
import { encodeFrame, type Frame, framesIn } from "../net/frames.ts";
import type { Caller } from "../service/job_service.ts";
import {
  type CallEnvelope,
  type CallRefusal,
  MAX_LIFETIME_MS,
  readReplyEnvelope,
  VERSION,
} from "./envelope.ts";
import { type Offer, offerExchange, seal, unseal } from "./seal.ts";
import { encodeMessage, headDigest, MAX_MESSAGE_BYTES, readMessage } from "./sealed_message.ts";
import { isSigned, sign, Signers, type SigningKey } from "./signing.ts";
import { type FleetTransport, HOST_OFFLINE } from "./transport.ts";
import { HOST_REFUSED, silent } from "./unanswered.ts";

/** Options of {@linkcode CallSender}. */
export interface CallSenderOptions {
  readonly fleet: string;
  /** The name of the hub. */
  readonly hub: string;
  readonly signingKey: SigningKey;
  /** The name of the host. */
  readonly host: string;
  /** The certificate with which the host signs, DER in base64. */
  readonly hostCertificate: string;
  /** The key to which its calls are sealed. */
  readonly hostSealKey: Uint8Array<ArrayBuffer>;
  readonly transport: FleetTransport;
  /** Whose certificates count: another object whenever something in it has changed. */
  readonly trust: () => Trust;
  /** The time of the clock, in milliseconds since the Unix epoch. */
  readonly now?: () => number;
}

/** What is asked of a host. */
export interface OutgoingCall {
  readonly method: string;
  /** The same for all pages of an answer. */
  readonly callId: string;
  readonly body: {
    readonly caller: Caller;
    readonly request: unknown;
    readonly page: number;
    readonly isAhead: boolean;
    readonly earlyLogBytes?: number;
  };
  /** What of the request is no JSON. */
  readonly bytes: Parts;
  /** Whether it may come twice. */
  readonly mayRepeat: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** From when on it is valid, by the clock of the hub; by default from when it is sealed. */
  readonly issuedAt?: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Seals and signs calls of one host, and opens what is sure to be its answer. */
export class CallSender {
  readonly #options: CallSenderOptions;
  readonly #signers: Signers;
  /** As the host has said last; `""`: it has not been heard yet. */
  #epoch = "";

  constructor(options: CallSenderOptions) {
    this.#options = options;
    this.#signers = new Signers(options.trust);
  }

  /** Whether the host has not been heard yet, so that the first call will only tell the epoch. */
  get isNew(): boolean {
    return this.#epoch === "";
  }

  /**
   * Sends a call.
   *
   * @returns the frames of the answer
   * @throws an error that `isUnanswered()` tells from what a host answers; `failed_precondition` if the host is not
   *   to be trusted; the reason of the signal
   */
  async send(call: OutgoingCall): Promise<readonly Frame[]> {
    let reply = await this.#exchange(call);
    // It may have come there before, in the epoch that is over: only what may come twice is sent again.
    if (reply.kind === "refused" && reply.refusal.why === "other_epoch" && call.mayRepeat) {
      reply = await this.#exchange(call);
    }
    if (reply.kind === "answered") return reply.frames;
    throw this.#refused(reply.refusal);
  }

  async #exchange(call: OutgoingCall): Promise<Reply> {
    const { host, hostSealKey, transport } = this.#options;
    const { method, callId, signal, timeoutMs } = call;
    const publicKey = this.#publicKey();
    const offer = offerExchange(hostSealKey);
    const bytes = await this.#message(call, offer);
    signal.throwIfAborted();
    let answer: Bytes;
    try {
      answer = await transport.request(host, method, bytes, { signal, timeoutMs });
    } catch (error) {
      signal.throwIfAborted();
      throw this.#lost(error);
    }
    return await this.#open(answer, {
      callId,
      digest: headDigest(bytes),
      replyKey: offer.replyKey,
      publicKey,
    });
  }

  /** The key with which the host signs. Nothing is told to one whose certificate does not count any more. */
  #publicKey(): KeyObject {
    const { fleet, host, hostCertificate } = this.#options;
    const verdict = this.#signers.verify(hostCertificate, this.#now());
    if (verdict.kind === "refused") {
      throw failedPrecondition(`The certificate of host "${host}" ${verdict.why}`);
    }
    const { member, publicKey } = verdict.signer;
    if (member.kind === "host" && member.name === host && member.fleet === fleet) return publicKey;
    throw failedPrecondition(`The certificate of host "${host}" is that of "${member.name}"`);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  async #message(
    { method, callId, body, bytes: parts, issuedAt = this.#now() }: OutgoingCall,
    offer: Offer,
  ): Promise<Bytes> {
    const { fleet, hub, host, signingKey } = this.#options;
    const envelope: CallEnvelope = {
      version: VERSION,
      fleet,
      hub,
      host,
      method,
      callId,
      issuedAt,
      expiresAt: issuedAt + MAX_LIFETIME_MS,
      nonce: crypto.randomUUID(),
      epoch: this.#epoch,
      ephemeral: offer.ephemeral.toBase64(),
    };
    const text = JSON.stringify(envelope);
    const sealed = await seal(offer.requestKey, encodeFrame(body, parts), text);
    const signature = sign(signingKey.key, "call", text, sealed);
    const bytes = encodeMessage({ text, signature, certificate: signingKey.certificate, sealed });
    if (bytes.byteLength <= MAX_MESSAGE_BYTES) return bytes;
    const size = `${bytes.byteLength} bytes, and a fleet carries at most ${MAX_MESSAGE_BYTES}`;
    throw new JobWorkerError("resource_exhausted", `The request has ${size}`, { reason: "E2BIG" });
  }

  async #open(bytes: Bytes, expected: ExpectedReply): Promise<Reply> {
    const { fleet, host } = this.#options;
    const message = readMessage(bytes);
    const envelope = message && readReplyEnvelope(message.text);
    if (message === null || envelope === null) throw this.#notOfHost();
    const { text, signature, sealed } = message;
    const isGenuine = isSigned(expected.publicKey, signature, "reply", text, sealed);
    if (!isGenuine || envelope.fleet !== fleet || envelope.host !== host) throw this.#notOfHost();
    if (envelope.call !== expected.digest) throw this.#notOfHost();
    this.#epoch = envelope.epoch;
    const { refusal } = envelope;
    if (refusal !== undefined) return { kind: "refused", refusal };
    const opened = await unseal(expected.replyKey, sealed, text);
    if (opened === null || envelope.callId !== expected.callId) throw this.#notOfHost();
    try {
      return { kind: "answered", frames: framesIn(opened) };
    } catch (error) {
      throw silent(`The answer of host "${host}" cannot be read`, { cause: error });
    }
  }

  #notOfHost(): JobWorkerError {
    const { host } = this.#options;
    return silent(`What has come as the answer of host "${host}" is not its answer to this call`);
  }

  #lost(error: unknown): unknown {
    if (!(error instanceof JobWorkerError)) return error;
    const { code, message, reason } = error;
    return reason === HOST_OFFLINE ? error : silent(message, { code, cause: error });
  }

  #refused({ why, message }: CallRefusal): JobWorkerError {
    const text = `Host "${this.#options.host}" has refused the call: ${message}`;
    if (why === "other_epoch" || why === "repeated") return silent(text);
    const code = why === "busy" ? "resource_exhausted" : "failed_precondition";
    return new JobWorkerError(code, text, { reason: HOST_REFUSED });
  }
}

type Reply =
  | { readonly kind: "answered"; readonly frames: readonly Frame[] }
  | { readonly kind: "refused"; readonly refusal: CallRefusal };

/** By what the answer to a call is known. */
interface ExpectedReply {
  readonly callId: string;
  /** What the host calls the call, see `headDigest()`. */
  readonly digest: string;
  readonly replyKey: Bytes;
  readonly publicKey: KeyObject;
}
