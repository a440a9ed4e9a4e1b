import type { Trust } from "../auth/certificate_path.ts";
import { callSchema } from "../engine/messages.ts";
import { decodeFrame } from "../net/frames.ts";
import * as z from "../text/zod.ts";
import { quoted } from "../text/quoted.ts";
import {
  type CallEnvelope,
  type CallRefusal,
  MAX_LIFETIME_MS,
  MAX_SKEW_MS,
  readCallEnvelope,
  VERSION,
  versionOf,
} from "./envelope.ts";
import { HOST_METHODS, type HostService, REACH } from "./host_methods.ts";
import { Nonces } from "./nonces.ts";
import { acceptExchange, type Exchange, type SealKeyPair, unseal } from "./seal.ts";
import type { SealedMessage } from "./sealed_message.ts";
import { isSigned, Signers } from "./signing.ts";

/** Somebody has asked for something that they have not shown to have the right to ask. */
export class RefusedCall extends Error {
  override readonly name = "RefusedCall";
  readonly why: CallRefusal["why"];
  /** The fingerprint of the certificate with which it was signed, if it was read. */
  readonly fingerprint: string;

  constructor(why: CallRefusal["why"], message: string, fingerprint = "") {
    super(message);
    this.why = why;
    this.fingerprint = fingerprint;
  }
}

const bodySchema = callSchema.omit({ method: true }).extend({
  page: z.number().int().min(0),
  isAhead: z.boolean().default(false),
  /** With a start: its log is to come with the answer, as far as there is one soon, in batches of this size. */
  earlyLogBytes: z.number().int().min(1).exactOptional(),
});

/** A call that a hub has made, and that has not come before. */
export interface VerifiedCall {
  readonly envelope: CallEnvelope;
  readonly method: keyof HostService | typeof REACH;
  readonly exchange: Exchange;
  /** What was sealed. */
  readonly body: z.infer<typeof bodySchema> & { readonly bytes: Uint8Array<ArrayBuffer> };
}

/** Options of {@linkcode CallCheck}. */
export interface CallCheckOptions {
  readonly fleet: string;
  readonly host: string;
  readonly sealKeys: SealKeyPair;
  /** Whose certificates count: another object whenever something in it has changed. */
  readonly trust: () => Trust;
  /** How many calls are remembered, each for as long as it is valid. */
  readonly maxNonces: number;
  /** The time of the clock, in milliseconds. */
  readonly now: () => number;
}

/** Decides whether a call comes from a hub, is for this host, and comes for the first time. */
export class CallCheck {
  readonly #options: CallCheckOptions;
  readonly #signers: Signers;
  readonly #nonces: Nonces;

  constructor(options: CallCheckOptions) {
    this.#options = options;
    this.#signers = new Signers(options.trust);
    this.#nonces = new Nonces(options.maxNonces);
  }

  /** What the next call has to name. */
  get epoch(): string {
    return this.#nonces.epoch(this.#options.now());
  }

  /**
   * @param method as the bus says
   * @throws {RefusedCall}
   */
  async verify(method: string, message: SealedMessage): Promise<VerifiedCall> {
    const { host, sealKeys } = this.#options;
    const envelope = this.#read(message.text);
    const known = this.#address(method, envelope);
    const most = known === REACH ? CALLER_ONLY_BYTES : HOST_METHODS[known].maxSealedBytes;
    if (message.sealed.byteLength > most) {
      throw new RefusedCall("too_large", `A request of ${method} has at most ${most} bytes`);
    }
    this.#signature(envelope, message);
    // What was signed is looked at all at once, so that nothing else comes in between.
    this.#admit(envelope);
    const exchange = exchangeOf(sealKeys, envelope);
    const opened = exchange && await unseal(exchange.requestKey, message.sealed, message.text);
    if (exchange === null || opened === null) {
      throw new RefusedCall("other_key", `The call is not sealed to the key of host "${host}"`);
    }
    return { envelope, method: known, exchange, body: bodyOf(opened) };
  }

  #read(text: string): CallEnvelope {
    const envelope = readCallEnvelope(text);
    if (envelope !== null) return envelope;
    const version = versionOf(text);
    if (version === null || version === VERSION) throw malformed();
    throw new RefusedCall(
      "other_version",
      `The call has version ${version}, and host "${this.#options.host}" reads version ${VERSION}: ` +
        "run the same version of worker-daemon on both",
    );
  }

  #address(method: string, envelope: CallEnvelope): VerifiedCall["method"] {
    const { fleet, host } = this.#options;
    if (envelope.fleet !== fleet) {
      throw new RefusedCall(
        "other_fleet",
        `The call is for the fleet "${envelope.fleet}", and host "${host}" is in "${fleet}"`,
      );
    }
    if (envelope.host !== host) {
      throw new RefusedCall(
        "other_host",
        `The call is for host "${envelope.host}", and has come to host "${host}"`,
      );
    }
    if (envelope.method !== method) {
      throw new RefusedCall(
        "other_method",
        `The call is one of ${quoted(envelope.method)}, and has come as one of ${quoted(method)}`,
      );
    }
    if (method !== REACH && !Object.hasOwn(HOST_METHODS, method)) {
      throw new RefusedCall("other_method", `Host "${host}" has no method ${quoted(method)}`);
    }
    return method as VerifiedCall["method"];
  }

  #signature(
    { fleet, hub }: CallEnvelope,
    { text, signature, certificate, sealed }: SealedMessage,
  ): void {
    const verdict = this.#signers.verify(certificate, this.#options.now());
    if (verdict.kind === "refused") throw notAHub(verdict.why, verdict.fingerprint);
    const { member, publicKey, fingerprint } = verdict.signer;
    if (member.kind !== "hub" || member.fleet !== fleet || member.name !== hub) {
      const whose = `${member.kind} "${member.name}" of the fleet "${member.fleet}"`;
      throw notAHub(
        `is that of ${whose}, and the call says that it is from hub "${hub}"`,
        fingerprint,
      );
    }
    if (isSigned(publicKey, signature, "call", text, sealed)) return;
    throw new RefusedCall("bad_signature", "The signature is not of this call", fingerprint);
  }

  #admit({ issuedAt, expiresAt, nonce, epoch }: CallEnvelope): void {
    const { host } = this.#options;
    const now = this.#options.now();
    if (expiresAt - issuedAt > MAX_LIFETIME_MS) throw malformed();
    if (issuedAt > now + MAX_SKEW_MS || expiresAt <= now) {
      throw new RefusedCall(
        "clock_skew",
        `The call is valid from ${textOf(issuedAt)} to ${
          textOf(expiresAt)
        }, and the clock of host ` +
          `"${host}" says ${textOf(now)}: set the clocks of hub and host`,
      );
    }
    switch (this.#nonces.add(nonce, { epoch, expiresAt, now })) {
      case "new":
        return;
      case "other_epoch":
        throw new RefusedCall("other_epoch", `Host "${host}" does not know what came before`);
      case "repeated":
        throw new RefusedCall("repeated", "The call has come before");
      case "full":
        throw new RefusedCall(
          "busy",
          `Host "${host}" has had ${this.#options.maxNonces} calls in the last minute, and takes no more yet`,
        );
    }
  }
}

/** @returns `null` if the hub's key leads to none */
function exchangeOf(sealKeys: SealKeyPair, { ephemeral }: CallEnvelope): Exchange | null {
  try {
    return acceptExchange(sealKeys, Uint8Array.fromBase64(ephemeral));
  } catch {
    return null;
  }
}

/** What a request has at most that says only who calls. */
const CALLER_ONLY_BYTES = 8 * 1024;

function bodyOf(opened: Uint8Array<ArrayBuffer>): VerifiedCall["body"] {
  try {
    const { head, bytes } = decodeFrame(opened);
    return { ...bodySchema.parse(head), bytes };
  } catch {
    throw malformed();
  }
}

function malformed(): RefusedCall {
  return new RefusedCall("malformed", "The call cannot be read");
}

function notAHub(why: string, fingerprint: string): RefusedCall {
  return new RefusedCall(
    "not_a_hub",
    `The certificate with which the call is signed ${why}`,
    fingerprint,
  );
}

function textOf(time: number): string {
  return new Date(time).toISOString();
}
