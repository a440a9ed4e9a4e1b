import { JobWorkerError, messageOf } from "../errors.ts";
import type { HostPort } from "../net/host_port.ts";
import {
  type ExporterCommand,
  type ExporterOptions,
  exporterReportSchema,
} from "./exporter_protocol.ts";
import { decodeLines } from "./gateway_protocol.ts";
import { RoleProcess } from "./role_process.ts";

/** How long an exporter may take to start, and to end. */
const LISTEN_WITHIN_MS = 60_000;
const END_WITHIN_MS = 5_000;

/** Options of an {@linkcode ExporterProcess}. */
export interface ExporterProcessOptions {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** The program and arguments of an exporter, see `exporterCommand`. */
  readonly argv: readonly string[];
  readonly exporter: ExporterOptions;
  /** What is measured, as text. Never rejects. */
  readonly scrape: () => Promise<string>;
}

/** One exporter, from the engine's side. */
export class ExporterProcess implements AsyncDisposable {
  /** Why it ended. Never rejects. */
  readonly ended: Promise<string>;
  readonly #options: ExporterProcessOptions;
  readonly #process: RoleProcess;
  readonly #listening = Promise.withResolvers<HostPort>();

  constructor(options: ExporterProcessOptions) {
    const { setsid, argv, exporter } = options;
    this.#options = options;
    this.#process = new RoleProcess(setsid, argv);
    this.#listening.promise.catch(() => {});
    this.#tell({ kind: "serve", options: exporter });
    this.ended = this.#run();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Waits until it listens.
   *
   * @returns where
   * @throws what it reports if it cannot, see `cannotListen()`; `unavailable` if it ends
   */
  async listening(): Promise<HostPort> {
    const timer = setTimeout(
      () => this.#process.kill(`it did not listen within ${LISTEN_WITHIN_MS / 1000} s`),
      LISTEN_WITHIN_MS,
    );
    try {
      return await this.#listening.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it: by itself if it can. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#process.kill("it did not end in time"), END_WITHIN_MS);
    await this.#process.closeInput();
    await this.ended;
    clearTimeout(timer);
  }

  #tell(command: ExporterCommand): void {
    this.#process.tell(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }

  async #run(): Promise<string> {
    try {
      for await (const report of decodeLines(this.#process.output, exporterReportSchema)) {
        switch (report.kind) {
          case "listening":
            this.#listening.resolve(report.address);
            break;
          case "failed":
            this.#listening.reject(new JobWorkerError(report.code, report.message));
            break;
          case "scrape":
            this.#tell({ kind: "text", text: await this.#options.scrape() });
            break;
        }
      }
    } catch (error) {
      this.#process.kill(`it sent an invalid message (${messageOf(error)})`);
    }
    const how = await this.#process.end();
    this.#listening.reject(new JobWorkerError("unavailable", `The exporter has ended: ${how}`));
    return how;
  }
}
