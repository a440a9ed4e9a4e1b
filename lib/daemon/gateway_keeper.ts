import { delay } from "../async/delay.ts";
import type { SessionChange } from "../auth/sessions.ts";
import type { Refusal } from "../service/audit.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Exposition } from "../metrics/exposition.ts";
import type { Rights } from "../process/users.ts";
import { withoutDescriptors } from "./close_descriptors.ts";
import { type CredentialFiles, readCredentials } from "./credentials.ts";
import { diagnostics } from "./diagnostics.ts";
import { gatewayCommand } from "./gateway_command.ts";
import { GatewayProcess } from "./gateway_process.ts";
import { gatewayRights } from "./users/gateway_user.ts";
import type { GatewayAddresses, GatewayCounts, GatewayOptions } from "./gateway_protocol.ts";
import { type Measured, measureProcess } from "./measured.ts";
import type { SessionBook } from "./session_book.ts";
import { retry, type RetryOptions } from "./retry.ts";
import { withSmallMemory } from "./small_memory.ts";

/** The most by which a slow machine multiplies the usual times. */
const SLOWEST = 16;

/** A gateway that lived this long did not die of what its predecessor died of. */
const HEALTHY_AFTER_MS = 10_000;
/** How long to wait before starting another; doubled for each that died young. */
const PAUSE_MS = { first: 10, last: 400 };
/** The longest wait between attempts that all fail. */
const MAX_WAIT_MS = 10_000;

/** How long calls in progress may take to end in a gateway that is replaced. */
const DRAIN_TIMEOUT_MS = 15_000;

/** How long a gateway may take to hear of a login; one that takes longer is stuck, or loads its code. */
const INFORMED_WITHIN_MS = 2_000;

/** Options of {@linkcode GatewayKeeper.start}. */
export interface GatewayKeeperOptions {
  /** How many share the port. */
  readonly count: number;
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  readonly gateway: Omit<GatewayOptions, "credentials" | "sessions" | "exclusive" | "slowness">;
  /** Whom gateways run as; `null`: as we do. */
  readonly rights: Rights | null;
  /** What is in them is read for each gateway that starts. */
  readonly files: CredentialFiles;
  /** How to retry the start of the first ones. Once the signal is aborted, no gateway is started. */
  readonly retryOptions: RetryOptions;
  /** Is told of everybody whom a gateway turns away. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Who has logged in to the page; absent if nobody can. */
  readonly sessions?: () => Promise<SessionBook | null>;
  /** Restores the engine's socket if need be: before each gateway serves, and when one cannot reach it. */
  readonly restoreSocket: () => Promise<void>;
}

/** Keeps gateways alive: it replaces one that has died, and all of them on {@linkcode reload}. */
export class GatewayKeeper implements AsyncDisposable, Measured {
  readonly #options: GatewayKeeperOptions;
  readonly #closing = new AbortController();
  /** The gateway in each place; `null` while there is none. */
  readonly #places: (GatewayProcess | null)[] = [];
  /** All that have not ended, whether or not they serve. */
  readonly #living = new Set<GatewayProcess>();
  readonly #kept = new Set<Promise<void>>();
  /** Gateways that are finishing their last calls. */
  readonly #draining = new Set<Promise<void>>();
  #addresses: GatewayAddresses;
  #reloading: Promise<void> = Promise.resolve();
  /** How slow this machine has turned out to be: doubled whenever a gateway took too long. */
  #slowness = 1;
  /** How many have died. */
  #deaths = 0;

  private constructor(options: GatewayKeeperOptions) {
    this.#options = options;
    const { signal } = options.retryOptions;
    const onAbort = () => this.#closing.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const { address, restAddress } = options.gateway;
    this.#addresses = { address, restAddress };
  }

  /**
   * Starts the gateways and resolves once all of them listen.
   *
   * @throws what the first gateway reports that cannot listen: `failed_precondition`, or `unavailable` for
   * what may pass; the reason of the signal, once it is aborted
   */
  static async start(options: GatewayKeeperOptions): Promise<GatewayKeeper> {
    const keeper = new GatewayKeeper(options);
    try {
      for (let place = 0; place < options.count; place++) {
        const gateway = await retry(() => keeper.#start(place === 0), options.retryOptions);
        keeper.#put(place, gateway);
      }
      return keeper;
    } catch (error) {
      await keeper[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where they listen. */
  get addresses(): GatewayAddresses {
    return this.#addresses;
  }

  /** How many of them there are at this moment. */
  get alive(): number {
    return this.#places.filter((gateway) => gateway !== null).length;
  }

  async measure(exposition: Exposition): Promise<void> {
    exposition.add("job_worker_process_restarts_total", { role: "gateway" }, this.#deaths);
    await Promise.all(this.#places.map(async (gateway, place) => {
      const process = `gateway-${place}`;
      const counted = gateway?.counts() ?? Promise.reject(new Error("There is none"));
      const counts = await measureProcess(exposition, process, counted);
      if (counts !== null) addGateway(exposition, process, counts);
    }));
  }

  /**
   * Replaces each gateway by one that has read the certificates again, without a gap: the old one ends once
   * the new one listens, and stays if the new one cannot.
   */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  /** Lets all of them finish within a limited time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new JobWorkerError("unavailable", "The daemon is shutting down"));
    await this.#reloading;
    const gateways = this.#places.filter((gateway) => gateway !== null);
    await Promise.all(gateways.map((gateway) => gateway[Symbol.asyncDispose]()));
    await Promise.all([...this.#kept, ...this.#draining]);
  }

  /** Starts one; for each that takes too long, another that has more time. */
  async #start(exclusive: boolean): Promise<GatewayProcess> {
    while (true) {
      const slowness = this.#slowness;
      try {
        return await this.#startIn(slowness, exclusive);
      } catch (error) {
        const isLate = error instanceof JobWorkerError && error.code === "deadline_exceeded";
        if (!isLate || slowness === SLOWEST) throw error;
        this.#slowness = Math.max(this.#slowness, 2 * slowness);
        const why = messageOf(error);
        diagnostics.warn("{why}; trying again with twice the time", { why });
      }
    }
  }

  async #startIn(slowness: number, exclusive: boolean): Promise<GatewayProcess> {
    const { setsid, onRefused, restoreSocket, files, rights } = this.#options;
    const first = { ...this.#options.gateway, ...this.#addresses };
    const { inherited } = first;
    const argv = [
      ...await withoutDescriptors([inherited.grpc, inherited.rest].filter((fd) => fd !== null)),
      ...await gatewayRights(rights, first),
      ...await withSmallMemory(),
      ...gatewayCommand(first),
    ];
    const onSession = (change: SessionChange) => void this.#changeSessions(change, gateway);
    const gateway: GatewayProcess = new GatewayProcess({
      setsid,
      argv,
      onRefused,
      onSession,
      restoreSocket,
    });
    // What changes from now on it is told, whatever it is given at first.
    this.#living.add(gateway);
    void gateway.ended.then(() => this.#living.delete(gateway));
    try {
      // It loads its code meanwhile.
      await restoreSocket();
      const credentials = await readCredentials(files);
      if (files.restAddress !== null && credentials.users === null) {
        diagnostics.warn("No users file {path}: REST answers /health/ only", { path: files.users });
      }
      const sessions = (await this.#options.sessions?.())?.list;
      const options = {
        ...{ ...first, credentials, exclusive, slowness },
        ...(sessions !== undefined && { sessions }),
      };
      const { address, restAddress } = await gateway.serve(options, this.#closing.signal);
      this.#addresses = { address, restAddress };
      return gateway;
    } catch (error) {
      gateway.kill("it was not needed");
      await gateway.ended;
      throw error;
    }
  }

  /**
   * Writes down that somebody has logged in or out, and tells every gateway; last the one that answers them, so that
   * what it says is so at all of them.
   */
  async #changeSessions(change: SessionChange, asking: GatewayProcess): Promise<void> {
    try {
      const book = await this.#options.sessions?.();
      await book?.change(change);
      if (!book) return;
      const others = new Set(this.#living).difference(new Set([asking]));
      const told = Array.from(others, (gateway) => gateway.tellSessions(book.list));
      await withinTime(Promise.all(told), INFORMED_WITHIN_MS);
      await asking.tellSessions(book.list);
    } catch (error) {
      diagnostics.error("Cannot write down a session: {why}", { why: messageOf(error) });
    }
  }

  #put(place: number, gateway: GatewayProcess): void {
    this.#places[place] = gateway;
    const kept = this.#keep(place, gateway);
    this.#kept.add(kept);
    void kept.then(() => this.#kept.delete(kept));
  }

  /** Keeps a gateway in this place until the end, or until another is put there. */
  async #keep(place: number, first: GatewayProcess): Promise<void> {
    const { signal } = this.#closing;
    let pause = PAUSE_MS.first;
    for (let gateway: GatewayProcess | null = first; gateway !== null;) {
      const startedAt = performance.now();
      const why = await gateway.ended;
      if (this.#places[place] !== gateway) return;
      this.#places[place] = null;
      if (signal.aborted) return;
      this.#deaths++;
      diagnostics.error("Gateway {pid} ended: {why}; starting another", { pid: gateway.pid, why });
      const wasHealthy = performance.now() - startedAt > HEALTHY_AFTER_MS * this.#slowness;
      pause = wasHealthy ? PAUSE_MS.first : Math.min(2 * pause, PAUSE_MS.last);
      if (!wasHealthy && gateway.wasUnwell) this.#slowness = Math.min(2 * this.#slowness, SLOWEST);
      gateway = await this.#restart(pause);
      this.#places[place] = gateway;
    }
  }

  /** Tries until there is a new gateway; `null` if the daemon shuts down first. */
  async #restart(pause: number): Promise<GatewayProcess | null> {
    const { signal } = this.#closing;
    const isAlone = () => this.alive === 0 && this.#draining.size === 0;
    try {
      await delay(pause, { signal });
      const gateway = await retry(() => this.#start(isAlone()), {
        pauseMs: { first: 2 * pause, last: MAX_WAIT_MS },
        signal,
        again: (error) => {
          diagnostics.error("No gateway: {why}; trying again", { why: messageOf(error) });
          return true;
        },
      });
      if (!signal.aborted) {
        diagnostics.info("Gateway {pid} listens", { pid: gateway.pid });
        return gateway;
      }
      await gateway[Symbol.asyncDispose]();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return null;
  }

  async #reload(): Promise<void> {
    for (const [place, old] of this.#places.entries()) {
      if (old === null || this.#closing.signal.aborted) continue;
      try {
        const successor = await this.#start(false);
        if (this.#places[place] !== old) {
          // The old one died meanwhile, and its place is taken.
          await successor[Symbol.asyncDispose]();
          continue;
        }
        this.#put(place, successor);
        diagnostics.info("Gateway {pid} takes over from {old}", {
          pid: successor.pid,
          old: old.pid,
        });
        const drained = old.drain(DRAIN_TIMEOUT_MS);
        this.#draining.add(drained);
        void drained.then(() => this.#draining.delete(drained));
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        diagnostics.error("Cannot reload: {why}; gateway {pid} goes on as before", {
          why: messageOf(error),
          pid: old.pid,
        });
      }
    }
  }
}

/** Waits for something, but no longer than that. */
async function withinTime(something: Promise<unknown>, ms: number): Promise<void> {
  const over = new AbortController();
  await Promise.race([something, delay(ms, { signal: over.signal }).catch(() => {})]);
  over.abort();
}

function addGateway(
  exposition: Exposition,
  process: string,
  { grpc, rest }: GatewayCounts,
): void {
  for (const [api, counts] of Object.entries({ grpc, rest })) {
    if (counts === null) continue;
    const labels = { process, api };
    exposition.add("job_worker_connections", labels, counts.connections);
    exposition.add("job_worker_connections_refused_total", labels, counts.refused);
  }
  exposition.add("job_worker_connections_accepted_total", { process }, grpc.accepted);
  // Without REST they are 0, not absent, so that sums with them are what they should be.
  exposition.add("job_worker_rest_requests_total", { process }, rest?.requests ?? 0);
  exposition.add("job_worker_logins_failed_total", { process }, rest?.failedLogins ?? 0);
}
