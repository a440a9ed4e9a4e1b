import { abortable } from "../async/abortable.ts";
import { Batcher } from "../async/batcher.ts";
import { delay } from "../async/delay.ts";
import { shareCall } from "../async/share_call.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { SessionChange, SessionList } from "../auth/sessions.ts";
import type { Refusal } from "../service/audit.ts";
import { diagnostics } from "./diagnostics.ts";
import { isBusy } from "./is_busy.ts";
import {
  decodeLines,
  encodeLine,
  type GatewayAddresses,
  type GatewayCommand,
  type GatewayCounts,
  type GatewayOptions,
  reportSchema,
} from "./gateway_protocol.ts";
import { RoleProcess } from "./role_process.ts";

/** How often a gateway's health is checked, and how long it may take to answer. */
const PING_EVERY_MS = 3_000;
/**
 * How often while nobody uses it. It has no work then that it could be stuck in, and no descriptors that could run
 * out; what is left is that somebody suspends it, or that the whole machine is out of descriptors.
 */
const PING_IDLE_EVERY_MS = 60_000;
const ANSWER_WITHIN_MS = 5_000;

/** How long one that is busy may take on top: it is slow, not stuck, unless it is so for ever. */
const BUSY_WITHIN_MS = 30_000;
/** How often to look whether it is. */
const LOOK_EVERY_MS = 1_000;

/** How long a gateway may take to start listening, and to close its connections. */
const LISTEN_WITHIN_MS = 30_000;
const DRAIN_WITHIN_MS = 8_000;

/** Options of a {@linkcode GatewayProcess}. */
export interface GatewayProcessOptions {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** The program and arguments of a gateway, see `gatewayCommand`. */
  readonly argv: readonly string[];
  /** Is told of everybody whom it turns away. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Is told of everybody who logs in or out. */
  readonly onSession: (change: SessionChange) => void;
  /** Restores the engine's socket if need be. */
  readonly restoreSocket: () => Promise<void>;
}

/** What a gateway says of itself, or how it is silent. */
interface Answer {
  /** What is wrong with it, or `null`. */
  readonly fault: string | null;
  readonly isSilent: boolean;
}

/** One gateway, from the engine's side. It is killed when it stops answering. */
export class GatewayProcess implements AsyncDisposable {
  /** Why it ended. Never rejects. */
  readonly ended: Promise<string>;
  /**
   * What it has counted. Those who ask at the same time share the answer.
   *
   * @throws `unavailable` if it ends
   */
  readonly counts: () => Promise<GatewayCounts> = shareCall(() => this.#count());
  readonly #options: GatewayProcessOptions;
  readonly #process: RoleProcess;
  readonly #listening = Promise.withResolvers<GatewayAddresses>();
  readonly #pongs = new Map<number, (fault: string | null) => void>();
  readonly #asked = new Map<number, PromiseWithResolvers<GatewayCounts>>();
  /** While it has not taken what it was told, it is told no more: of one that is stuck, the list does not pile up. */
  readonly #informing = new Batcher<null, void>(() => this.#inform());
  /** The last that it is to be told. */
  #sessions: SessionList | null = null;
  #informed = Promise.withResolvers<void>();
  #lastId = 0;
  /** Whether nobody uses it. */
  #isIdle = false;
  #resting = new AbortController();
  /** Ends the checks of its health. */
  readonly #unwatched = new AbortController();
  #wasUnwell = false;

  constructor(options: GatewayProcessOptions) {
    this.#options = options;
    const { setsid, argv } = options;
    this.#process = new RoleProcess(setsid, argv);
    // If nobody waits for this, `ended` tells.
    this.#listening.promise.catch(() => {});
    this.ended = this.#run();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Whether it was killed because it did not answer as it should, which happens on a slow machine. */
  get wasUnwell(): boolean {
    return this.#wasUnwell;
  }

  /**
   * Tells it to serve.
   *
   * @returns where it listens
   * @param signal ends it, as long as it does not listen yet
   * @throws `failed_precondition` with what it reports, if it cannot; `unavailable` if that may pass;
   * `deadline_exceeded` if it takes too long
   */
  async serve(options: GatewayOptions, signal: AbortSignal): Promise<GatewayAddresses> {
    this.#send({ kind: "serve", options });
    const withinMs = LISTEN_WITHIN_MS * options.slowness;
    const giveUp = (why: string, code: "deadline_exceeded" | "unavailable") => {
      this.#listening.reject(new JobWorkerError(code, `The gateway has ended: ${why}`));
      this.kill(why);
    };
    const timer = setTimeout(
      () => giveUp(`it did not listen within ${withinMs / 1000} s`, "deadline_exceeded"),
      withinMs,
    );
    const onAbort = () => giveUp("the daemon is shutting down", "unavailable");
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    try {
      const addresses = await this.#listening.promise;
      void this.#watch(ANSWER_WITHIN_MS * options.slowness);
      return addresses;
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    }
  }

  /** Tells it who is logged in. Settles once it knows, or has ended. */
  async tellSessions(sessions: SessionList): Promise<void> {
    this.#sessions = sessions;
    await this.#informing.add(null);
  }

  /** Ends it by SIGKILL, which works even on a stopped process. */
  kill(why: string): void {
    this.#process.kill(why);
  }

  /** Ends it in good order: followers are told to come back, other calls have this long to end. */
  async drain(drainTimeoutMs: number): Promise<void> {
    // It answers no more checks, and the drain has a time limit of its own.
    this.#unwatched.abort();
    this.#send({ kind: "drain", drainTimeoutMs });
    const timer = setTimeout(
      () => this.kill("it did not drain in time"),
      drainTimeoutMs + DRAIN_WITHIN_MS,
    );
    await this.ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  #send(command: GatewayCommand): void {
    this.#process.tell(encodeLine(command));
  }

  async #run(): Promise<string> {
    try {
      for await (const report of decodeLines(this.#process.output, reportSchema)) {
        switch (report.kind) {
          case "listening":
            this.#listening.resolve(report);
            break;
          case "failed":
            this.#listening.reject(new JobWorkerError(report.code, report.message));
            break;
          case "pong":
            this.#isIdle = report.isIdle;
            this.#pongs.get(report.id)?.(report.fault);
            break;
          case "counts":
            this.#asked.get(report.id)?.resolve(report.counts);
            break;
          case "used":
            this.#isIdle = false;
            this.#resting.abort();
            break;
          case "refused":
            this.#options.onRefused(report.refusal);
            break;
          case "session":
            this.#options.onSession(report.change);
            break;
          case "informed":
            this.#informed.resolve();
            break;
          case "unreachable":
            // That may take a while, in which what else it says must be heard.
            void this.#restoreSocket().then((fault) => this.#send({ kind: "socket", fault }));
            break;
        }
      }
    } catch (error) {
      this.kill(`it sent an invalid message (${messageOf(error)})`);
    }
    const how = await this.#process.end();
    this.#unwatched.abort();
    const ended = new JobWorkerError("unavailable", `The gateway has ended: ${how}`);
    this.#listening.reject(ended);
    for (const { reject } of this.#asked.values()) reject(ended);
    return how;
  }

  async #inform(): Promise<void> {
    this.#informed = Promise.withResolvers();
    if (this.#sessions !== null) this.#send({ kind: "sessions", sessions: this.#sessions });
    await Promise.race([this.#informed.promise, this.ended]);
  }

  async #count(): Promise<GatewayCounts> {
    const id = ++this.#lastId;
    const counted = Promise.withResolvers<GatewayCounts>();
    this.#asked.set(id, counted);
    this.#send({ kind: "count", id });
    try {
      return await counted.promise;
    } finally {
      this.#asked.delete(id);
    }
  }

  async #restoreSocket(): Promise<string | null> {
    try {
      await this.#options.restoreSocket();
      return null;
    } catch (error) {
      const why = messageOf(error);
      diagnostics.error("Gateway {pid} cannot reach the engine: {why}", { pid: this.pid, why });
      return why;
    }
  }

  /** Checks its health from time to time. */
  async #watch(withinMs: number): Promise<void> {
    const { signal } = this.#unwatched;
    try {
      for (;;) {
        await this.#rest(signal);
        await delay(PING_EVERY_MS, { signal });
        const answer = await this.#check(withinMs);
        // It tells the time by the clock: what it missed while the machine had too much to do is there by now.
        const { fault } = answer.isSilent || answer.fault === null
          ? answer
          : await this.#check(withinMs);
        if (fault === null) continue;
        this.#wasUnwell = true;
        this.kill(fault);
      }
    } catch (error) {
      if (error !== signal.reason) throw error;
    }
  }

  /** Leaves it alone while it is idle, but not for ever. */
  async #rest(signal: AbortSignal): Promise<void> {
    if (!this.#isIdle) return;
    this.#resting = new AbortController();
    const either = AbortSignal.any([signal, this.#resting.signal]);
    await delay(PING_IDLE_EVERY_MS - PING_EVERY_MS, { signal: either })
      .catch(() => signal.throwIfAborted());
  }

  async #check(withinMs: number): Promise<Answer> {
    const id = ++this.#lastId;
    const { signal } = this.#unwatched;
    const pong = Promise.withResolvers<Answer>();
    const answered = new AbortController();
    this.#pongs.set(id, (fault) => pong.resolve({ fault, isSilent: false }));
    this.#send({ kind: "ping", id });
    try {
      const silence = this.#silence(withinMs, AbortSignal.any([signal, answered.signal]))
        .then((fault) => ({ fault, isSilent: true }));
      return await abortable(Promise.race([pong.promise, silence]), signal);
    } finally {
      answered.abort();
      this.#pongs.delete(id);
    }
  }

  /** Waits for as long as it makes sense to wait for an answer, and returns why it does not any more. */
  async #silence(withinMs: number, signal: AbortSignal): Promise<string> {
    const { setsid } = this.#options;
    await delay(withinMs, { signal });
    for (let waitedMs = 0; waitedMs < BUSY_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
      const busy = await isBusy(this.pid, { setsid, signal }).catch(() => false);
      if (!busy) return "it does not answer";
    }
    return "it does not answer, busy as it is";
  }
}
