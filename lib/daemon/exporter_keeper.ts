import { abortable } from "../async/abortable.ts";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { BUILD } from "../build.ts";
import { messageOf } from "../errors.ts";
import { flushCounts } from "../files/flush.ts";
import { Exposition } from "../metrics/exposition.ts";
import type { HostPort } from "../net/host_port.ts";
import type { Rights } from "../process/users.ts";
import { VERSION } from "../version.ts";
import { withoutDescriptors } from "./close_descriptors.ts";
import { diagnostics } from "./diagnostics.ts";
import { exporterCommand } from "./exporter_command.ts";
import { ExporterProcess } from "./exporter_process.ts";
import type { ExporterOptions } from "./exporter_protocol.ts";
import { addProcess, type Measured } from "./measured.ts";
import { retry, type RetryOptions } from "./retry.ts";
import { withSmallMemory } from "./small_memory.ts";
import { gatewayRights } from "./users/gateway_user.ts";

/** How long to wait before another exporter is started; doubled for each that died young. */
const PAUSE_MS = { first: 100, last: 10_000 };
/** An exporter that lived this long did not die of what its predecessor died of. */
const HEALTHY_AFTER_MS = 10_000;

/** Options of {@linkcode ExporterKeeper.start}. */
export interface ExporterKeeperOptions {
  readonly exporter: ExporterOptions;
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Whom exporters run as; `null`: as we do. */
  readonly rights: Rights | null;
  /** How to retry the start of the first one. Once the signal is aborted, none is started. */
  readonly retryOptions: RetryOptions;
  /** Everything that has something to tell. */
  readonly measured: readonly Measured[];
}

/** Keeps an exporter alive, and measures whenever somebody asks it. */
export class ExporterKeeper implements AsyncDisposable {
  /** Where it listens. */
  readonly address: HostPort;
  readonly #options: ExporterKeeperOptions;
  readonly #startedAt = Date.now();
  readonly #closing = new AbortController();
  readonly #kept: Promise<void>;
  /** How many have died. */
  #deaths = 0;

  private constructor(options: ExporterKeeperOptions, address: HostPort, first: ExporterProcess) {
    this.#options = options;
    this.address = address;
    this.#kept = this.#keep(first);
  }

  /**
   * Starts an exporter, and resolves once it listens.
   *
   * @throws what it reports if it cannot: `failed_precondition`, or `unavailable` for what may pass; the reason of the
   * signal, once that is aborted
   */
  static async start(options: ExporterKeeperOptions): Promise<ExporterKeeper> {
    // Whoever asks before it is kept gets what there is by then.
    const kept = Promise.withResolvers<ExporterKeeper>();
    const scrape = async () => await (await kept.promise).#scrape();
    const { retryOptions, exporter: { address } } = options;
    const [first, bound] = await retry(
      () => startExporter(options, address, scrape, retryOptions.signal),
      retryOptions,
    );
    const keeper = new ExporterKeeper(options, bound, first);
    kept.resolve(keeper);
    return keeper;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The daemon is shutting down"));
    await this.#kept;
  }

  async #keep(first: ExporterProcess): Promise<void> {
    const { signal } = this.#closing;
    let nextPause = doubling(PAUSE_MS);
    for (let exporter: ExporterProcess | null = first; exporter !== null;) {
      const startedAt = performance.now();
      await abortable(exporter.ended, signal).catch(() => {});
      await exporter[Symbol.asyncDispose]();
      if (signal.aborted) return;
      this.#deaths++;
      const { pid } = exporter;
      const why = await exporter.ended;
      diagnostics.error("Exporter {pid} ended: {why}; starting another", { pid, why });
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) nextPause = doubling(PAUSE_MS);
      exporter = await this.#restart(nextPause);
    }
  }

  /** Tries until there is another; `null` if the daemon shuts down first. */
  async #restart(nextPause: () => number): Promise<ExporterProcess | null> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await delay(nextPause(), { signal });
        const scrape = () => this.#scrape();
        const [exporter] = await startExporter(this.#options, this.address, scrape, signal);
        diagnostics.info("Exporter {pid} listens", { pid: exporter.pid });
        return exporter;
      } catch (error) {
        if (signal.aborted) break;
        diagnostics.error("No exporter: {why}; trying again", { why: messageOf(error) });
      }
    }
    return null;
  }

  /** What is measured at this moment. Never rejects. */
  async #scrape(): Promise<string> {
    const { exporter: { by }, measured } = this.#options;
    const exposition = new Exposition(by);
    const labels = { version: VERSION, build: BUILD, deno: Deno.version.deno };
    exposition.add("job_worker_build_info", labels, 1);
    exposition.add("job_worker_start_time_seconds", {}, this.#startedAt / 1000);
    exposition.add("job_worker_process_restarts_total", { role: "exporter" }, this.#deaths);
    const counts = { residentBytes: Deno.memoryUsage().rss, flushes: flushCounts() };
    addProcess(exposition, by === "host" ? "engine" : "hub", counts);
    await Promise.all(measured.map(async (part) => {
      try {
        await part.measure(exposition);
      } catch (error) {
        // What the others tell is of use all the same.
        diagnostics.error("Not all could be measured: {why}", { why: messageOf(error), error });
      }
    }));
    return exposition.text();
  }
}

/** @returns the exporter, and where it listens */
async function startExporter(
  { setsid, rights, exporter }: ExporterKeeperOptions,
  address: HostPort,
  scrape: () => Promise<string>,
  signal: AbortSignal,
): Promise<[exporter: ExporterProcess, address: HostPort]> {
  const ports = { address, restAddress: null, inherited: { grpc: null, rest: null } };
  const argv = [
    ...await withoutDescriptors([]),
    ...await gatewayRights(rights, ports),
    ...await withSmallMemory(),
    ...exporterCommand(address),
  ];
  signal.throwIfAborted();
  const options = { ...exporter, address };
  const process = new ExporterProcess({ setsid, argv, exporter: options, scrape });
  try {
    return [process, await abortable(process.listening(), signal)];
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}
