import { RepeatLimit } from "../async/repeat_limit.ts";
import { Semaphore } from "../async/semaphore.ts";
import type { Trust } from "../auth/certificate_path.ts";
import { type Role, ROLES } from "../auth/identity.ts";
import { errorHead } from "../engine/messages.ts";
import { JobWorkerError } from "../errors.ts";
import { concat, encodeFrame } from "../net/frames.ts";
import { CallCheck, RefusedCall, type VerifiedCall } from "./call_check.ts";
import { type CallRefusal, type ReplyEnvelope, VERSION } from "./envelope.ts";
import { HostCalls } from "./host_calls.ts";
import { HOST_METHODS, type HostService, PAGE_WAIT_MS, REACH } from "./host_methods.ts";
import { seal, type SealKeyPair } from "./seal.ts";
import { encodeMessage, headDigest, MAX_MESSAGE_BYTES, readMessage } from "./sealed_message.ts";
import { sign, type SigningKey } from "./signing.ts";

/** A call that was refused, for the audit trail. */
export interface HostDoorRefusal {
  readonly why: CallRefusal["why"];
  readonly message: string;
  /** The fingerprint of the certificate with which it was signed; `""` if that was not looked at. */
  readonly fingerprint: string;
  /** How many like it were left out before it: whoever carries calls can cause any number of them. */
  readonly unreported: number;
}

/** Options of a {@linkcode HostDoor}. */
export interface HostDoorOptions {
  readonly fleet: string;
  readonly host: string;
  readonly signingKey: SigningKey;
  readonly sealKeys: SealKeyPair;
  /** Whose certificates count: another object whenever something in it has changed. */
  readonly trust: () => Trust;
  /** The roles that count of somebody who comes by way of a hub; by default all. */
  readonly roles?: readonly Role[];
  /** The most calls at once; 1024 by default. A quarter of them may be one user's. */
  readonly maxCalls?: number;
  /** How many calls are remembered, at about 150 bytes each; 100,000 by default, which are 1,600 a second. */
  readonly maxNonces?: number;
  /** How long a page of an answer is waited for; 10 s by default. */
  readonly pageWaitMs?: number;
  /** How long a call stays open of which nobody fetches the next page; 30 s by default. */
  readonly idleMs?: number;
  /** The time of the clock, in milliseconds since the Unix epoch. */
  readonly now?: () => number;
  /** Told of internal errors: the caller only learns that there was one. */
  readonly onFault: (error: unknown, method: string) => void;
  /** Not told of what any hub does that does not know the epoch yet. */
  readonly onRefusal?: (refusal: HostDoorRefusal) => void;
}

/** The bytes of large calls that are opened at a time, and that may wait for it before more are refused. */
const LARGE_CALLS = {
  total: 64 * 1024 * 1024,
  maxWaiting: 64 * 1024 * 1024,
  refusal: "Too many large requests at once: more than 64 MiB wait to be opened",
};

/** How many refusals of a kind are told. */
const REPORTS = { max: 20, perMs: 60_000 };

/** Calls up to this size, which nearly all are, are opened right away. */
const SMALL_CALL_BYTES = 16 * 1024;

/**
 * Where the calls of hubs come in. Whoever brings them is trusted with nothing: a call is answered if a hub of the
 * fleet has signed it for this host, and it comes for the first time.
 */
export class HostDoor implements AsyncDisposable {
  readonly #options: HostDoorOptions;
  readonly #check: CallCheck;
  readonly #calls: HostCalls;
  readonly #largeCalls = new Semaphore(LARGE_CALLS);
  readonly #reports = new RepeatLimit(REPORTS);
  readonly #closing = new AbortController();
  readonly #answering = new Set<Promise<unknown>>();

  constructor(service: HostService, options: HostDoorOptions) {
    const { maxCalls = 1024, roles = ROLES, pageWaitMs = PAGE_WAIT_MS, idleMs = 30_000 } = options;
    const { maxNonces = 100_000, now = Date.now, onFault } = options;
    this.#options = options;
    this.#check = new CallCheck({ ...options, maxNonces, now });
    this.#calls = new HostCalls(service, { maxCalls, roles, pageWaitMs, idleMs, onFault });
  }

  /**
   * Answers a call. Never rejects: a refusal is an answer too, signed by the host.
   *
   * @param method as whoever brings it says
   * @param signal aborted when the hub has cancelled the call, or whoever has brought it is gone
   */
  async answer(
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const answer = this.#answer(method, bytes, AbortSignal.any([signal, this.#closing.signal]));
    this.#answering.add(answer);
    try {
      return await answer;
    } catch (error) {
      this.#options.onFault(error, method);
      return new Uint8Array();
    } finally {
      this.#answering.delete(answer);
    }
  }

  /** Ends all calls with `unavailable`, and waits until they are answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new JobWorkerError("unavailable", "The daemon is shutting down"));
    await this.#calls[Symbol.asyncDispose]();
    await Promise.allSettled(this.#answering);
    await this.#reports[Symbol.asyncDispose]();
  }

  async #answer(
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    let call: VerifiedCall;
    using held = new DisposableStack();
    try {
      const share = await this.#roomFor(bytes.byteLength, signal);
      held.use(share);
      const message = readMessage(bytes);
      if (message === null) throw new RefusedCall("malformed", "The call cannot be read");
      call = await this.#check.verify(method, message);
      // A call that may last must not keep other calls from being opened.
      if (call.method !== REACH && HOST_METHODS[call.method].isPaged) held.dispose();
    } catch (error) {
      if (!(error instanceof RefusedCall)) throw error;
      return this.#refuse(bytes, error);
    }
    const frames = await this.#calls.frames(call, signal);
    return await this.#reply(bytes, call, frames);
  }

  async #roomFor(bytes: number, signal: AbortSignal): Promise<Disposable | null> {
    if (bytes <= SMALL_CALL_BYTES) return null;
    try {
      return await this.#largeCalls.acquire(bytes, signal);
    } catch (error) {
      const why = error instanceof JobWorkerError ? error.message : "The hub has left";
      throw new RefusedCall("busy", why);
    }
  }

  async #reply(
    bytes: Uint8Array<ArrayBuffer>,
    { envelope: { callId }, exchange }: VerifiedCall,
    frames: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<Uint8Array<ArrayBuffer>> {
    const text = JSON.stringify({ ...this.#envelope(bytes), callId });
    const sealed = await seal(exchange.replyKey, bounded(frames), text);
    return this.#signed(text, sealed);
  }

  #refuse(bytes: Uint8Array<ArrayBuffer>, refused: RefusedCall): Uint8Array<ArrayBuffer> {
    this.#report(refused);
    const { why, message } = refused;
    const envelope = this.#envelope(bytes);
    return this.#signed(JSON.stringify({ ...envelope, refusal: { why, message } }));
  }

  #report({ why, message, fingerprint }: RefusedCall): void {
    if (why === "other_epoch") return;
    const report = (unreported: number) =>
      this.#options.onRefusal?.({ why, message, fingerprint, unreported });
    if (this.#reports.admit(why, report)) report(0);
  }

  #envelope(bytes: Uint8Array<ArrayBuffer>): ReplyEnvelope {
    const { fleet, host } = this.#options;
    const { epoch } = this.#check;
    return { version: VERSION, fleet, host, call: headDigest(bytes), callId: "", epoch };
  }

  #signed(
    text: string,
    sealed: Uint8Array<ArrayBuffer> = new Uint8Array(),
  ): Uint8Array<ArrayBuffer> {
    const { key } = this.#options.signingKey;
    const signature = sign(key, "reply", text, sealed);
    return encodeMessage({ text, signature, certificate: "", sealed });
  }
}

/** What the envelope of a reply and its seal take. */
const ENVELOPE_BYTES = 8 * 1024;

function bounded(frames: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const answer = concat(frames);
  if (answer.byteLength <= MAX_MESSAGE_BYTES - ENVELOPE_BYTES) return answer;
  const text = `The answer has ${answer.byteLength} bytes, and a fleet carries at most 8 MiB`;
  return encodeFrame(errorHead(new JobWorkerError("resource_exhausted", text)));
}
