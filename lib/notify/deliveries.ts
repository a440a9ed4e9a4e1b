import { delay } from "../async/delay.ts";
import { WakeUp } from "../async/wake_up.ts";
import { Tally } from "../metrics/tally.ts";
import { notificationKey, redactUrl } from "../job/notification.ts";
import type { DueNotification, NotificationOutcome, Outbox } from "../store/outbox.ts";
import { pauseAfter, RETRY_TIMES, type RetryTimes } from "./retry_times.ts";
import { type WebhookRequest, webhookRequest } from "./webhook.ts";

/** How a webhook has answered: an HTTP status, or why there is none. */
export type WebhookAnswer = { readonly status: number } | { readonly fault: string };

/** What can call webhooks. */
export interface WebhookSender {
  /** @throws the reason of the signal, and nothing else */
  send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer>;
}

/** What has come of a call of a webhook: `retried` if it is to be made again. */
export const CALL_RESULTS = ["delivered", "retried", "failed"] as const;

/** Options of {@linkcode Deliveries}. */
export interface DeliveriesOptions {
  readonly outbox: Pick<Outbox, "next" | "hosts" | "nextDue" | "due">;
  /** Records what has come of one. */
  readonly settle: (outcome: NotificationOutcome) => Promise<void>;
  readonly sender: WebhookSender;
  /** The hosts that may be called, as `URL.host` has them. */
  readonly hosts: ReadonlySet<string>;
  /** What requests are signed with. */
  readonly keys: readonly Uint8Array[];
  /** Told of each webhook that could not be told, and whether that is tried again. */
  readonly onFailed: (failure: FailedDelivery) => void;
  /** Told if an outcome could not be recorded. */
  readonly onFault: (error: unknown) => void;
  readonly retryTimes?: RetryTimes;
}

/** A webhook that could not be told of a job. */
export interface FailedDelivery {
  readonly jobId: string;
  /** Without what may be a secret. */
  readonly url: string;
  readonly why: string;
  /** In milliseconds; `null` if it was given up. */
  readonly retryInMs: number | null;
}

/** How many webhooks of one host are called at once: one that does not answer holds up none of the others. */
const AT_ONCE = 4;

/** The longest wait of a timer; a clock that was set back is noticed after it. */
const MAX_WAIT_MS = 3_600_000;

/** How long to wait for a disk that does not take what has come of it. */
const FAULT_PAUSE_MS = 5_000;

/** A receiver says so that it wants no more (RFC 9110, section 15.5.11). */
const GONE = 410;

/**
 * Tells webhooks how jobs have ended, at least once, until they take it. Each host has its own turn, so that one that
 * does not answer holds up no other.
 */
export class Deliveries implements AsyncDisposable {
  /** What has come of calls since the start. */
  readonly results = new Tally<typeof CALL_RESULTS[number]>();
  readonly #options: DeliveriesOptions;
  readonly #closing = new AbortController();
  /** What is under way at each host, by job and URL. */
  readonly #calls = new Map<string, Map<string, Promise<void>>>();
  readonly #called = new WakeUp();
  readonly #run: Promise<void>;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#run = this.#deliver();
  }

  /** What has not been taken stays in the outbox. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The daemon is shutting down"));
    await this.#run;
    await Promise.all(this.#calls.values().flatMap((calls) => calls.values()));
  }

  /** Never rejects. */
  async #deliver(): Promise<void> {
    const { outbox, onFault } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const woken = Promise.race([outbox.next(), this.#called.next()]);
      try {
        await until(woken, this.#beginDue(), signal);
      } catch (error) {
        onFault(error);
        await delay(FAULT_PAUSE_MS, { signal }).catch(() => {});
      }
    }
  }

  /**
   * Begins to call the hosts at which something is due.
   *
   * @returns in how many milliseconds something else is
   */
  #beginDue(): number {
    const { outbox } = this.#options;
    const now = Date.now();
    let wait = MAX_WAIT_MS;
    for (const host of outbox.hosts()) {
      this.#beginAt(host, now);
      wait = Math.min(wait, (outbox.nextDue(host, now) ?? Infinity) - now);
    }
    return wait;
  }

  /** Begins to tell the webhooks of a host that are due, as many as may be called at once. */
  #beginAt(host: string, now: number): void {
    const calls = this.#calls.get(host) ?? new Map<string, Promise<void>>();
    const limit = AT_ONCE - calls.size;
    if (limit === 0) return;
    for (const due of this.#options.outbox.due(host, now, { limit, except: calls })) {
      const key = notificationKey({ jobId: due.job.jobId, url: due.url });
      const called = this.#call(host, due).finally(() => {
        calls.delete(key);
        if (calls.size === 0) this.#calls.delete(host);
        this.#called.notify();
      });
      calls.set(key, called);
      this.#calls.set(host, calls);
    }
  }

  /** Never rejects. */
  async #call(host: string, due: DueNotification): Promise<void> {
    const { settle, onFault } = this.#options;
    const { signal } = this.#closing;
    try {
      await settle(await this.#tell(host, due));
    } catch (error) {
      if (signal.aborted) return;
      onFault(error);
      // What was taken is sent again, rather than lost.
      await delay(FAULT_PAUSE_MS, { signal }).catch(() => {});
    }
  }

  async #tell(host: string, due: DueNotification): Promise<NotificationOutcome> {
    const { hosts, sender, keys, retryTimes = RETRY_TIMES, onFailed } = this.#options;
    const { job: { jobId }, url, attempts } = due;
    const answer = hosts.has(host)
      ? await sender.send(webhookRequest(due, keys, Date.now()), this.#closing.signal)
      : { fault: "its host is not allowed any more (--notify-allow)" };
    if ("status" in answer && answer.status >= 200 && answer.status < 300) {
      this.results.add("delivered");
      return { jobId, url, result: "delivered" };
    }
    const isFinal = !hosts.has(host) || "status" in answer && answer.status === GONE;
    const retryInMs = isFinal ? null : pauseAfter(attempts + 1, retryTimes);
    const why = "fault" in answer ? answer.fault : `it answered ${answer.status}`;
    this.results.add(retryInMs === null ? "failed" : "retried");
    onFailed({ jobId, url: redactUrl(url), why, retryInMs });
    return {
      jobId,
      url,
      result: retryInMs === null ? "failed" : { retryAt: Math.ceil(Date.now() + retryInMs) },
    };
  }
}

/** Waits for something, for some time, or until the signal. */
async function until(
  something: Promise<void>,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  await Promise.race([something, delay(ms, { signal: either }).catch(() => {})]);
  over.abort();
}
