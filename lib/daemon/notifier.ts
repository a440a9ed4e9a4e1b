import type { DaemonOptions } from "../config/options.ts";
import { messageOf } from "../errors.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { CALL_RESULTS, Deliveries, type FailedDelivery } from "../notify/deliveries.ts";
import type { Rights } from "../process/users.ts";
import type { SqliteStore } from "../store/sqlite_store.ts";
import { formatDuration } from "../text/duration.ts";
import { diagnostics } from "./diagnostics.ts";
import type { Measured } from "./measured.ts";
import { NotifierKeeper } from "./notifier_keeper.ts";
import { readNotifyCa } from "./notify_ca.ts";
import { notifyKeys } from "./notify_key.ts";

/** Options of {@linkcode Notifier.open}. */
export interface NotifierOptions
  extends Pick<DaemonOptions, "notify" | "notifyAllow" | "notifyCa" | "debug"> {
  readonly store: Pick<SqliteStore, "outbox" | "settle">;
  readonly dataDirectory: string;
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Whom the process that calls runs as; `null`: as we do. */
  readonly rights: Rights | null;
  readonly journal: boolean;
}

/** Sends nothing: no host is allowed. */
const NOBODY = { send: () => Promise.reject(new Error("There is no notifier")) };

/**
 * Tells webhooks how jobs have ended, by a process that may reach their hosts and nothing else. Where no host is
 * allowed there is no such process, and what an earlier daemon has promised fails.
 */
export class Notifier implements AsyncDisposable, Measured {
  readonly #resources: AsyncDisposableStack;
  readonly #keeper: NotifierKeeper | null;
  readonly #results: Deliveries["results"];

  private constructor(
    resources: AsyncDisposableStack,
    { keeper, deliveries }: { keeper: NotifierKeeper | null; deliveries: Deliveries },
  ) {
    this.#resources = resources;
    this.#keeper = keeper;
    this.#results = deliveries.results;
  }

  /** @throws `failed_precondition`, naming the file of keys or CAs that cannot be used */
  static async open(options: NotifierOptions): Promise<Notifier> {
    const { store, dataDirectory, notify, notifyAllow, setsid, rights, debug, journal } = options;
    await using resources = new AsyncDisposableStack();
    const hosts = new Set([...notifyAllow, ...notify.map((url) => new URL(url).host)]);
    const isNeeded = hosts.size > 0;
    const keys = isNeeded ? await notifyKeys(dataDirectory) : [];
    const ca = await readNotifyCa(options);
    const keeper = isNeeded
      ? resources.use(new NotifierKeeper({ setsid, rights, hosts, ca, debug, journal }))
      : null;
    const deliveries = new Deliveries({
      outbox: store.outbox,
      settle: (outcome) => store.settle(outcome),
      ...{ sender: keeper ?? NOBODY, hosts, keys },
      onFailed: report,
      onFault: (error) => diagnostics.error("Webhooks: {why}", { why: messageOf(error) }),
    });
    resources.use(deliveries);
    return new Notifier(resources.move(), { keeper, deliveries });
  }

  async measure(exposition: Exposition): Promise<void> {
    for (const result of CALL_RESULTS) {
      exposition.add("job_worker_webhook_calls_total", { result }, this.#results.of(result));
    }
    await this.#keeper?.measure(exposition);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

function report({ jobId, url, why, retryInMs }: FailedDelivery): void {
  const next = retryInMs === null
    ? "given up"
    : `trying again in ${formatDuration(Math.ceil(retryInMs / 1000) * 1000)}`;
  diagnostics.warn("Cannot tell {url} of the end of job {jobId}: {why}; {next}", {
    ...{ url, jobId, why, next },
  });
}
