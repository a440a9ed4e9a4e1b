import type { Role } from "../auth/identity.ts";
import { CallLimit } from "../engine/call_limit.ts";
import { decodeRequest, encodeAnswer, END, errorHead } from "../engine/messages.ts";
import { JobWorkerError } from "../errors.ts";
import { encodeFrame } from "../net/frames.ts";
import type { CallContext, Caller, PlaceJobRequest } from "../service/job_service.ts";
import type { StreamMethod, UnaryMethod } from "../service/methods.ts";
import type { VerifiedCall } from "./call_check.ts";
import { HOST_METHODS, type HostService, PAGE_BYTES, REACH } from "./host_methods.ts";
import { KeptCalls } from "./kept_calls.ts";
import { OpenCall } from "./open_call.ts";

/** Options of {@linkcode HostCalls}. */
export interface HostCallsOptions {
  readonly maxCalls: number;
  /** The roles that count of somebody who comes by way of a hub. */
  readonly roles: readonly Role[];
  /** How long to wait for something to answer before it is said that there is nothing yet. */
  readonly pageWaitMs: number;
  /** How long a call stays open of which nobody fetches the next page. */
  readonly idleMs: number;
  readonly onFault: (error: unknown, method: string) => void;
}

/** A call as the service is to see it. */
interface IncomingCall {
  readonly method: keyof HostService;
  readonly request: object;
  /** What of the request is no JSON. */
  readonly bytes: Bytes;
  readonly caller: Caller;
  /** Whether the caller has roles that do not count here. */
  readonly isCapped: boolean;
}

/** Which page of an answer is wanted. */
interface WantedPage {
  /** The call, the same for all pages. */
  readonly id: string;
  readonly page: number;
  /** Whether the hub has asked before it had the one before it, so that the request is not good for opening the call. */
  readonly isAhead: boolean;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * How much longer than a page may take the one asked for behind it waits for it: they are unsealed side by side, so that
 * the first of them may be ready last. Both times together are less than a hub waits for an answer.
 */
const AHEAD_MS = 5_000;

/** How long a job has for what it prints, and its end, to go with the answer to its start. */
const EARLY_MS = 100;

const NO_BYTES: Bytes = new Uint8Array();

/** One for all calls: an error of its own for each would cost as much as to sign the answer. */
const OVER = new JobWorkerError("cancelled", "The call is over");

/** Runs the calls of hubs. Those with answers in pages stay open from one page to the next. */
export class HostCalls implements AsyncDisposable {
  readonly #service: HostService;
  readonly #options: HostCallsOptions;
  readonly #limit: CallLimit;
  readonly #kept: KeptCalls;
  /** Those that were told to end, and have not ended yet. */
  readonly #ending = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(service: HostService, options: HostCallsOptions) {
    const { maxCalls, idleMs } = options;
    this.#kept = new KeptCalls({ idleMs, end: (call) => this.#end(call) });
    this.#service = service;
    this.#options = options;
    this.#limit = new CallLimit({ maxCalls, maxCallsPerUser: Math.ceil(maxCalls / 4) });
  }

  /**
   * The frames that answer a call, or a page of them: each has a value, an error or the end of a stream, as on the
   * engine's socket. Never rejects.
   *
   * @param left aborted when the hub has left
   */
  async frames(verified: VerifiedCall, left: AbortSignal): Promise<readonly Bytes[]> {
    const { method, envelope: { hub, callId }, body } = verified;
    if (method === REACH) return [];
    const { caller, request, page, isAhead, bytes, earlyLogBytes } = body;
    const { roles, ...identity } = caller.identity;
    const counting = roles.filter((role) => this.#options.roles.includes(role));
    const call: IncomingCall = {
      method,
      request,
      bytes,
      caller: { ...caller, identity: { ...identity, roles: counting }, via: hub },
      isCapped: counting.length < roles.length,
    };
    try {
      this.#closing.signal.throwIfAborted();
      if (!HOST_METHODS[method].isPaged) {
        const answer = await this.#answer(call, left);
        if (method !== "placeJob" || earlyLogBytes === undefined) return [answer];
        return [answer, ...await this.#earlyLog(call, Math.min(PAGE_BYTES, earlyLogBytes), left)];
      }
      return await this.#page(call, { id: `${hub} ${callId}`, page, isAhead }, left);
    } catch (error) {
      return [encodeFrame(errorHead(this.#known(error, call, left)))];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new JobWorkerError("unavailable", "The daemon is shutting down"));
    this.#kept[Symbol.dispose]();
    await Promise.all(this.#ending);
  }

  async #answer(call: IncomingCall, left: AbortSignal): Promise<Bytes> {
    using counted = this.#limit.enter();
    counted.assign(call.caller.identity.user, false);
    const ends = HOST_METHODS[call.method].isCancellable ? [left] : [];
    const signal = AbortSignal.any([...ends, this.#closing.signal]);
    return await this.#ask(call, { caller: call.caller, signal });
  }

  async #ask(
    { method, request, bytes }: IncomingCall,
    context: CallContext,
  ): Promise<Bytes> {
    const asked = method as UnaryMethod;
    const answer = await this.#service[asked](
      decodeRequest(asked, request, bytes) as never,
      context,
    );
    return encodeFrame(...encodeAnswer(asked, answer));
  }

  /** What a job that was just started prints at once, and its end. Never rejects: all of it can be asked for. */
  async #earlyLog(
    call: IncomingCall,
    batchBytes: number,
    left: AbortSignal,
  ): Promise<readonly Bytes[]> {
    const { jobId } = call.request as PlaceJobRequest;
    const start = { kind: "offset", offset: 0 };
    const request = { jobId, streams: [], follow: true, start, batchBytes };
    const until = performance.now() + EARLY_MS;
    const frames: Bytes[] = [];
    let log: OpenCall | null = null;
    try {
      log = this.#open({ ...call, method: "streamLogs", request, bytes: NO_BYTES }, 0);
      for (let maxBytes = batchBytes, waitMs = EARLY_MS; maxBytes > 0 && waitMs > 0;) {
        const page = await log.gather({ waitMs, maxBytes, signal: left });
        frames.push(...page.frames);
        if (page.isLast) break;
        maxBytes -= page.frames.reduce((sum, { byteLength }) => sum + byteLength, 0);
        waitMs = until - performance.now();
      }
    } catch (error) {
      if (!left.aborted && !(error instanceof JobWorkerError)) throw error;
    } finally {
      if (log !== null) this.#end(log);
    }
    return frames;
  }

  /** The request of each page says all, so a call that is not open any more is simply made again. */
  async #page(
    call: IncomingCall,
    { id, page, isAhead }: WantedPage,
    left: AbortSignal,
  ): Promise<readonly Bytes[]> {
    const { pageWaitMs } = this.#options;
    const waitsUntil = performance.now() + pageWaitMs;
    const caller = JSON.stringify(call.caller);
    const open = isAhead
      ? await this.#kept.reach(id, page, caller, { waitMs: pageWaitMs + AHEAD_MS, signal: left })
      : this.#kept.take(id, page, caller) ?? this.#open(call, page);
    if (open === null) throw new JobWorkerError("unavailable", "The call is not open any more");
    using ending = new DisposableStack();
    ending.defer(() => {
      this.#end(open);
      this.#kept.over(id);
    });
    const maxBytes = Math.min(PAGE_BYTES, batchBytesOf(call.request));
    const waitMs = Math.max(0, waitsUntil - performance.now());
    const { frames, isLast } = await open.gather({ waitMs, maxBytes, signal: left });
    const isOne = HOST_METHODS[call.method].answers === "one";
    if (isLast || (isOne && frames.length > 0)) return frames;
    if (!this.#closing.signal.aborted) {
      ending.move();
      this.#kept.keep(id, open, caller);
    }
    return frames;
  }

  /** Nobody waits for it: the service may take a moment to notice. */
  #end(call: OpenCall): void {
    const ended = call.close().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #open(call: IncomingCall, pages: number): OpenCall {
    const { caller, method } = call;
    const left = new AbortController();
    using opened = new DisposableStack();
    const counted = opened.use(this.#limit.enter());
    counted.assign(caller.identity.user, HOST_METHODS[method].isLasting);
    opened.defer(() => left.abort(OVER));
    const signal = AbortSignal.any([left.signal, this.#closing.signal]);
    const held = opened.move();
    return new OpenCall(this.#all(call, { caller, signal }), {
      pages,
      leave: () => held.dispose(),
    });
  }

  async *#all(
    call: IncomingCall,
    context: CallContext,
  ): AsyncGenerator<Bytes, void, undefined> {
    try {
      if (HOST_METHODS[call.method].answers === "one") {
        yield await this.#ask(call, context);
        return;
      }
      const method = call.method as StreamMethod;
      const request = decodeRequest(method, call.request, call.bytes);
      const answers = this.#service[method](request as never, context);
      for await (const answer of answers) yield encodeFrame(...encodeAnswer(method, answer));
      yield encodeFrame(END);
    } catch (error) {
      yield encodeFrame(errorHead(this.#known(error, call, context.signal)));
    }
  }

  #known(error: unknown, { method, isCapped }: IncomingCall, left: AbortSignal): JobWorkerError {
    if (error instanceof JobWorkerError) {
      if (error.code !== "permission_denied" || !isCapped) return error;
      const roles = this.#options.roles.join(", ") || "none";
      const text = `${error.message}: of who comes by way of a hub, this host counts the roles ` +
        `${roles} (--fleet-roles)`;
      return new JobWorkerError(error.code, text, { cause: error });
    }
    if (left.aborted) return new JobWorkerError("cancelled", "The caller has left");
    this.#options.onFault(error, method);
    return new JobWorkerError("internal", "Internal error of the daemon, see its diagnostics");
  }
}

/** A page holds no more batches than one, if those are to be small. The service checks what else is asked for. */
function batchBytesOf(request: { readonly batchBytes?: unknown }): number {
  const { batchBytes } = request;
  return typeof batchBytes === "number" && batchBytes > 0 ? batchBytes : Infinity;
}
