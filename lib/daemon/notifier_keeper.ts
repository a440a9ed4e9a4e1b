import { abortable } from "../async/abortable.ts";
import { WakeUp } from "../async/wake_up.ts";
import type { Exposition } from "../metrics/exposition.ts";
import type { WebhookAnswer, WebhookSender } from "../notify/deliveries.ts";
import type { WebhookRequest } from "../notify/webhook.ts";
import { findTool } from "../process/tools.ts";
import type { Rights } from "../process/users.ts";
import { withoutDescriptors } from "./close_descriptors.ts";
import { keepAlive } from "./keep_alive.ts";
import { type Measured, measureProcess } from "./measured.ts";
import { NOBODY_ELSE, notifierCommand } from "./notifier_command.ts";
import { NotifierProcess } from "./notifier_process.ts";
import { withSmallMemory } from "./small_memory.ts";
import { gatewayRights, NO_PORT } from "./users/gateway_user.ts";

/** Options of a {@linkcode NotifierKeeper}. */
export interface NotifierKeeperOptions {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Whom notifiers run as; `null`: as we do. */
  readonly rights: Rights | null;
  /** The hosts that may be called, as `URL.host` has them; at least one. */
  readonly hosts: ReadonlySet<string>;
  /** CAs that are trusted beside the usual ones; PEM. */
  readonly ca: string;
  readonly debug: boolean;
  readonly journal: boolean;
}

/** Keeps a notifier alive, and has it call webhooks. */
export class NotifierKeeper implements WebhookSender, AsyncDisposable, Measured {
  readonly #options: NotifierKeeperOptions;
  readonly #closing = new AbortController();
  readonly #started = new WakeUp();
  readonly #kept: Promise<void>;
  #process: NotifierProcess | null = null;
  /** How many have died. */
  #deaths = 0;

  constructor(options: NotifierKeeperOptions) {
    this.#options = options;
    this.#kept = keepAlive("notifier", () => this.#runOne(), {
      signal: this.#closing.signal,
      onDeath: () => this.#deaths++,
    });
  }

  async measure(exposition: Exposition): Promise<void> {
    exposition.add("job_worker_process_restarts_total", { role: "notifier" }, this.#deaths);
    const counted = this.#process?.counts() ?? Promise.reject(new Error("There is none"));
    await measureProcess(exposition, "notifier", counted);
  }

  /** Waits for a notifier if there is none at the moment. */
  async send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    while (this.#process === null) await abortable(this.#started.next(), signal);
    return await this.#process.send(request, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The daemon is shutting down"));
    await this.#kept;
  }

  async #runOne(): Promise<string> {
    const { setsid, rights, hosts, ca, debug, journal } = this.#options;
    const argv = [
      ...await withoutDescriptors([]),
      ...await gatewayRights(rights, NO_PORT),
      ...await withSmallMemory(),
      ...[await findTool("env"), ...NOBODY_ELSE],
      ...notifierCommand(hosts),
    ];
    await using process = new NotifierProcess(setsid, argv, { ca, debug, journal });
    this.#process = process;
    this.#started.notify();
    try {
      return await abortable(process.ended, this.#closing.signal);
    } finally {
      this.#process = null;
    }
  }
}
