import { abortable } from "../async/abortable.ts";
import { shareCall } from "../async/share_call.ts";
import { messageOf } from "../errors.ts";
import type { WebhookAnswer } from "../notify/deliveries.ts";
import type { WebhookRequest } from "../notify/webhook.ts";
import { decodeLines } from "./gateway_protocol.ts";
import type { OwnCounts } from "./measured.ts";
import {
  ANSWER_TIMEOUT_MS,
  type NotifierCommand,
  notifierReportSchema,
} from "./notifier_protocol.ts";
import { RoleProcess } from "./role_process.ts";

/** How much longer than a webhook the notifier itself has, on a busy machine. */
const REPORT_WITHIN_MS = ANSWER_TIMEOUT_MS + 45_000;

/** How long it has to end by itself. */
const END_WITHIN_MS = 5_000;

const WRONG_REPORT = "the notifier has reported something else";

/** What it is asked, but for the number. */
type Question = NotifierCommand extends infer Command
  ? Command extends { readonly number: number } ? Omit<Command, "number"> : never
  : never;

/** One notifier, from the engine's side. It is killed when it does not report what has come of a call. */
export class NotifierProcess implements AsyncDisposable {
  /** Why it ended. Never rejects. */
  readonly ended: Promise<string>;
  /** What it has counted; rejects with why it does not tell. Of one that is stuck it is asked once. */
  readonly counts: () => Promise<OwnCounts>;
  readonly #process: RoleProcess;
  readonly #calls = new Map<number, (report: WebhookAnswer | OwnCounts) => void>();
  #next = 0;
  /** Why there is no answer to whatever is sent; `null` while it lives. */
  #fault: string | null = null;

  /**
   * @param setsid absolute path of setsid(1), which is all that the engine may run
   * @param argv the program and arguments of a notifier
   */
  constructor(
    setsid: string,
    argv: readonly string[],
    begin: Omit<NotifierCommand & { readonly kind: "begin" }, "kind">,
  ) {
    this.#process = new RoleProcess(setsid, argv);
    this.#tell({ kind: "begin", ...begin });
    this.counts = shareCall(() => this.#count());
    this.ended = this.#read();
  }

  /** @throws the reason of the signal */
  async send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    const { url, headers, body } = request;
    const timer = setTimeout(() => this.#process.kill("it does not report"), REPORT_WITHIN_MS);
    try {
      const send = { kind: "send", url, headers: { ...headers }, body } as const;
      const report = await this.#ask(send, signal);
      return "residentBytes" in report ? { fault: WRONG_REPORT } : report;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it: by itself if it can. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.closeInput();
    const timer = setTimeout(() => this.#process.kill("it did not end in time"), END_WITHIN_MS);
    await this.ended;
    clearTimeout(timer);
  }

  async #count(): Promise<OwnCounts> {
    const report = await this.#ask({ kind: "count" });
    if ("residentBytes" in report) return report;
    throw new Error("fault" in report ? report.fault : WRONG_REPORT);
  }

  /** What it reports of something; once it has ended, that. */
  async #ask(question: Question, signal?: AbortSignal): Promise<WebhookAnswer | OwnCounts> {
    if (this.#fault !== null) return { fault: this.#fault };
    const number = this.#next++;
    const { promise, resolve } = Promise.withResolvers<WebhookAnswer | OwnCounts>();
    this.#calls.set(number, resolve);
    try {
      this.#tell({ ...question, number });
      return await (signal === undefined ? promise : abortable(promise, signal));
    } finally {
      this.#calls.delete(number);
    }
  }

  #tell(command: NotifierCommand): void {
    this.#process.tell(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }

  async #read(): Promise<string> {
    try {
      for await (const report of decodeLines(this.#process.output, notifierReportSchema)) {
        this.#calls.get(report.number)?.(report);
      }
    } catch (error) {
      this.#process.kill(`it sent an invalid message (${messageOf(error)})`);
    }
    const why = await this.#process.end();
    this.#fault = `the notifier ended: ${why}`;
    for (const answer of this.#calls.values()) answer({ fault: this.#fault });
    return why;
  }
}
