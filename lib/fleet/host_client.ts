import { decodeAnswer, decodeMessage, encodeRequest } from "../engine/messages.ts";
import { JobWorkerError } from "../errors.ts";
import type { Frame } from "../net/frames.ts";
import type {
  CallContext,
  Job,
  LogBatch,
  PlaceJobContext,
  PlaceJobRequest,
} from "../service/job_service.ts";
import { CallSender, type CallSenderOptions } from "./call_sender.ts";
import { ComingPages } from "./coming_pages.ts";
import { readHostAnswer } from "./host_answers.ts";
import {
  HOST_METHODS,
  type HostService,
  isJobMethod,
  PAGE_BYTES,
  PAGE_WAIT_MS,
  REACH,
} from "./host_methods.ts";
import { Patience, type Pauses } from "./patience.ts";
import { HOST_SILENT, silent, withUnknown } from "./unanswered.ts";

/** How long a host has for an answer. */
const ANSWER_TIMEOUT_MS = PAGE_WAIT_MS + 10_000;

/** Options of a {@linkcode HostClient}. */
export interface HostClientOptions extends CallSenderOptions {
  /** How long a host that does not answer is asked again, where that does no harm; a minute by default. */
  readonly patienceMs?: number;
  /** The pauses before it is asked again; from 100 ms to 2 s by default. */
  readonly pauses?: Pauses;
  /** How long a host has for an answer; 20 s by default. */
  readonly timeoutMs?: number;
}

/** From which size on a page is a large one. */
const LARGE_PAGE_BYTES = PAGE_BYTES / 2;

/** Some answers of a stream, and how it goes on. */
interface Page {
  readonly values: readonly unknown[];
  readonly end: "more" | "done" | { readonly error: unknown };
  /** Whether there is much, so that more is likely to be there at once. */
  readonly isLarge: boolean;
}

/** The constructor makes every method of the service, from what `HOST_METHODS` says of it. */
export interface HostClient extends HostService {}

/**
 * The service of one host of a fleet, called from a hub.
 *
 * Of errors, `isUnanswered()` tells those that leave open whether the host has done what was asked of it.
 */
export class HostClient {
  readonly #host: string;
  readonly #sender: CallSender;
  readonly #newPatience: () => Patience;
  readonly #timeoutMs: number;

  constructor(options: HostClientOptions) {
    const { patienceMs = 60_000, pauses, timeoutMs = ANSWER_TIMEOUT_MS } = options;
    this.#host = options.host;
    this.#sender = new CallSender(options);
    this.#newPatience = () => new Patience(patienceMs, pauses);
    this.#timeoutMs = timeoutMs;
    const names = Object.keys(HOST_METHODS) as (keyof HostService)[];
    Object.assign(this, Object.fromEntries(names.map((name) => [name, this.#method(name)])));
    this.placeJob = (request, context) => this.#place(request, context);
  }

  /** @throws unless the host answers */
  async reach(context: CallContext): Promise<void> {
    await this.#send(REACH, {}, context, { mayRepeat: true });
  }

  #method(name: keyof HostService) {
    const { answers, isPaged } = HOST_METHODS[name];
    if (answers === "many") {
      return (request: object, context: CallContext) => this.#all(name, request, context);
    }
    if (isPaged) {
      return (request: object, context: CallContext) => this.#last(name, request, context);
    }
    return (request: object, context: CallContext) => this.#one(name, request, context);
  }

  async #one(name: keyof HostService, request: object, context: CallContext): Promise<unknown> {
    const { mayRepeat } = HOST_METHODS[name];
    if (!mayRepeat && this.#sender.isNew) await this.reach(context);
    try {
      return await this.#ask(name, request, context);
    } catch (error) {
      if (mayRepeat || !isSilent(error)) throw error;
      throw withUnknown(error, "whether it has done what was asked of it is not known");
    }
  }

  /** The log, if it comes at once, is behind the job in the same answer. */
  async #place(request: PlaceJobRequest, context: PlaceJobContext): Promise<Job> {
    const { early } = context;
    const frames = await this.#send("placeJob", request, context, {
      mayRepeat: HOST_METHODS.placeJob.mayRepeat,
      ...(early && { earlyLogBytes: early.batchBytes }),
    });
    const job = this.#value("placeJob", frames.slice(0, 1)) as Job;
    // If there is anything wrong with it, whoever asks for the rest is told.
    const { values } = this.#page("streamLogs", frames.slice(1));
    for (const batch of values) early?.take(batch as LogBatch);
    return job;
  }

  async #ask(name: keyof HostService, request: object, context: CallContext): Promise<unknown> {
    const { mayRepeat } = HOST_METHODS[name];
    return this.#value(name, await this.#send(name, request, context, { mayRepeat }));
  }

  #value(name: keyof HostService, frames: readonly Frame[]): unknown {
    const { values: [value], end } = this.#page(name, frames);
    if (typeof end === "object") throw end.error;
    if (value === undefined) throw this.#unreadable();
    return value;
  }

  async #last(name: keyof HostService, request: object, context: CallContext): Promise<unknown> {
    for await (const value of this.#all(name, request, context)) return value;
    throw this.#unreadable();
  }

  /**
   * The next page is on its way while this one is taken. If that is large, the page after it is asked for as soon as
   * it is taken, and not only when the next one is there: so what is held of an answer and what is on its way are two
   * pages together, and neither side waits for the other while there is much.
   */
  async *#all(
    name: keyof HostService,
    request: object,
    { caller, signal }: CallContext,
  ): AsyncGenerator<unknown, void, undefined> {
    const { resume } = HOST_METHODS[name];
    const patience = this.#newPatience();
    const callId = crypto.randomUUID();
    await using pages = new ComingPages(
      (rest, { signal, ...position }) =>
        this.#fetch(name, rest, { caller, signal }, { callId, ...position }),
      signal,
    );
    let rest: object | null = request;
    pages.ask(rest);
    while (rest !== null) {
      const { values, end, isLarge } = await pages.next();
      for (const value of values) rest = rest && resume(rest as never, value as never);
      if (end === "done") rest = null;
      if (end === "more") patience.succeeded();
      // What was asked for behind an error does not follow what has come.
      else await pages.drop();
      if (end === "more" && rest !== null && pages.count === 0) pages.ask(rest);
      yield* values;
      if (rest === null) return;
      if (typeof end === "object") {
        if (values.length > 0) patience.succeeded();
        await patience.pause(end.error, signal);
        pages.ask(rest);
      } else if (isLarge && pages.count === 1) pages.ask(rest);
    }
  }

  /** Never rejects. */
  async #fetch(
    name: keyof HostService,
    request: object,
    context: CallContext,
    position: Required<Pick<SendOptions, "callId" | "page" | "isAhead">>,
  ): Promise<Page> {
    try {
      return this.#page(
        name,
        await this.#send(name, request, context, { ...position, mayRepeat: true }),
      );
    } catch (error) {
      return { values: [], end: { error }, isLarge: false };
    }
  }

  async #send(
    name: keyof HostService | typeof REACH,
    request: object,
    { caller, signal, decidedAt }: PlaceJobContext,
    { mayRepeat, callId = crypto.randomUUID(), page = 0, isAhead = false, ...more }: SendOptions,
  ): Promise<readonly Frame[]> {
    const { identity, fingerprint, peer } = caller;
    const [encoded, bytes] = isJobMethod(name)
      ? encodeRequest(name, request as never)
      : [request, []];
    return await this.#sender.send({
      method: name,
      callId,
      body: { caller: { identity, fingerprint, peer }, request: encoded, page, isAhead, ...more },
      bytes,
      mayRepeat,
      timeoutMs: this.#timeoutMs,
      signal,
      ...(decidedAt !== undefined && { issuedAt: decidedAt }),
    });
  }

  #page(name: keyof HostService, frames: readonly Frame[]): Page {
    const values: unknown[] = [];
    const bytes = frames.reduce((sum, frame) => sum + frame.bytes.byteLength, 0);
    const isLarge = bytes >= LARGE_PAGE_BYTES;
    try {
      for (const frame of frames) {
        const message = decodeMessage(frame);
        if (message.kind === "end") return { values, end: "done", isLarge };
        if (message.kind === "error") return { values, end: { error: message.error }, isLarge };
        const { value, bytes } = message;
        const answer = isJobMethod(name) ? decodeAnswer(name, value, bytes) : value;
        values.push(readHostAnswer(name, answer));
      }
    } catch (error) {
      return { values, end: { error: this.#unreadable(error) }, isLarge };
    }
    return { values, end: "more", isLarge };
  }

  #unreadable(cause?: unknown): JobWorkerError {
    return silent(`The answer of host "${this.#host}" cannot be read`, { cause });
  }
}

interface SendOptions {
  readonly mayRepeat: boolean;
  readonly callId?: string;
  readonly page?: number;
  readonly isAhead?: boolean;
  readonly earlyLogBytes?: number;
}

function isSilent(error: unknown): error is JobWorkerError {
  return error instanceof JobWorkerError && error.reason === HOST_SILENT;
}
