import { X509Certificate } from "node:crypto";
import { dirname } from "node:path";
import type { Trust } from "../auth/certificate_path.ts";
import { isDenied, loadDenyListOf } from "../auth/deny_list.ts";
import type { DaemonOptions } from "../config/options.ts";
import { messageOf } from "../errors.ts";
import {
  type FleetHost,
  type FleetSettings,
  readFleetHosts,
  readFleetSettings,
} from "../fleet/fleet_files.ts";
import { FleetHosts, type HubHost } from "../fleet/fleet_hosts.ts";
import { HostClient } from "../fleet/host_client.ts";
import { FleetQueue } from "../fleet/fleet_queue.ts";
import { Hub } from "../fleet/hub.ts";
import { HubBus } from "../fleet/hub_bus.ts";
import { readHubCredentials, RENEW_HUB } from "../fleet/hub_credentials.ts";
import { LossReport } from "../fleet/loss_report.ts";
import { expiryOf } from "../fleet/member_credentials.ts";
import { OtherHubs } from "../fleet/other_hubs.ts";
import { Presence } from "../fleet/presence.ts";
import type { Registry } from "../fleet/registry.ts";
import { isRegistryAway } from "../fleet/registry_away.ts";
import { SealedStarts } from "../fleet/sealed_starts.ts";
import { loadSigningKey, type SigningKey } from "../fleet/signing.ts";
import { IdSequence } from "../ids.ts";
import type { Exposition } from "../metrics/exposition.ts";
import type { AuditLog } from "../service/audit_log.ts";
import { CallCounts } from "../service/call_counts.ts";
import type { JobService } from "../service/job_service.ts";
import { makeDataDirectory } from "./data_directory.ts";
import { lockData } from "./data_lock.ts";
import { diagnostics } from "./diagnostics.ts";
import { watchExpiry } from "./expiry.ts";
import type { Measured } from "./measured.ts";
import { openAudit } from "./open_audit.ts";
import { openRegistry } from "./open_registry.ts";
import { queueKey } from "./queue_key.ts";
import { queueLimits } from "./running_limits.ts";

/** How often to look for a host that says that it is there, and is not known or does not understand us. */
const LOOK_EVERY_MS = 10_000;

/**
 * How long a host is away before what is to run again runs elsewhere: as long as Kubernetes waits for a node. It is no
 * option, since only what was started with `--if-host-lost=rerun` depends on it.
 */
const LOST_AFTER_MS = 5 * 60_000;

/** Options of {@linkcode HubEngine.open}: those of the daemon that concern a fleet. */
export type HubEngineOptions = Pick<
  DaemonOptions,
  | "dataDir"
  | "fleet"
  | "ca"
  | "denyList"
  | "auditLimit"
  | "auditAgeMs"
  | "auditKeep"
  | "auditMask"
  | "maxQueued"
  | "maxQueuedPerUser"
  | "registry"
  | "registryPassword"
>;

/** Everything that has to do with the hosts of a fleet. */
export class HubEngine implements AsyncDisposable, Measured {
  /** Absolute path. */
  readonly dataDirectory: string;
  /** Where the hub records what it decides itself. */
  readonly audit: AuditLog;
  readonly service: JobService;
  readonly #calls = new CallCounts();
  readonly #registry: Registry;
  readonly #options: HubEngineOptions;
  readonly #settings: FleetSettings;
  readonly #signingKey: SigningKey;
  readonly #ca: X509Certificate;
  readonly #bus: HubBus;
  readonly #hosts: FleetHosts;
  readonly #resources: AsyncDisposableStack;
  #trust: Trust;
  /** By what is known of them, so that those that have not changed go on. */
  #clients = new Map<string, HubHost>();
  #nextLook = 0;
  #looking: Promise<void> = Promise.resolve();

  private constructor(parts: {
    readonly options: HubEngineOptions;
    readonly dataDirectory: string;
    readonly audit: AuditLog;
    readonly service: Hub;
    readonly registry: Registry;
    readonly settings: FleetSettings;
    readonly signingKey: SigningKey;
    readonly trust: Trust;
    readonly ca: X509Certificate;
    readonly bus: HubBus;
    readonly hosts: FleetHosts;
    readonly resources: AsyncDisposableStack;
  }) {
    this.dataDirectory = parts.dataDirectory;
    this.audit = parts.audit;
    this.service = this.#calls.countedService(parts.service);
    this.#registry = parts.registry;
    this.#options = parts.options;
    this.#settings = parts.settings;
    this.#signingKey = parts.signingKey;
    this.#trust = parts.trust;
    this.#ca = parts.ca;
    this.#bus = parts.bus;
    this.#hosts = parts.hosts;
    this.#resources = parts.resources;
  }

  /** @throws `failed_precondition`, naming the directory, file or option that is in the way */
  static async open(options: HubEngineOptions): Promise<HubEngine> {
    await using resources = new AsyncDisposableStack();
    const dataDirectory = await makeDataDirectory(options.dataDir);
    // This comes first, because it keeps a second daemon out.
    if (options.registry !== null) resources.use(await lockData(dataDirectory));
    const directory = dirname(options.fleet);
    const settings = await readFleetSettings(directory);
    const key = await queueKey(dataDirectory);
    const others = new OtherHubs({
      onAway(error) {
        if (error === null) diagnostics.info("The registry can be used again");
        else diagnostics.error("{why}", { why: error.message });
      },
      onFault: (error) => diagnostics.error("The registry: {why}", { why: messageOf(error) }),
    });
    const registry = resources.use(
      await openRegistry(options, dataDirectory, {
        ...{ fleet: settings.fleet, key },
        onNotice: (notice) => others.noticed(notice),
        onMissed: () => others.missed(),
      }),
    );
    const audit = resources.use(await openAudit(dataDirectory, options));
    const credentials = await readHubCredentials(directory, settings, Date.now());
    resources.use(
      watchExpiry(expiryOf(credentials), (expires) => {
        diagnostics.warn("The certificate of this hub, in {directory}, {expires}: {remedy}", {
          directory,
          expires,
          remedy: RENEW_HUB,
        });
      }),
    );
    const ca = new X509Certificate(credentials.ca);
    const signingKey = loadSigningKey(credentials.sign);
    const tls = { ...credentials.tls, ca: credentials.ca };
    const trust = { trustedCas: [ca], denyList: await loadDenyListOf(options) };
    const presence = resources.use(
      new Presence({
        onOffline(host, error) {
          diagnostics.warn("{why}", { why: error.message });
          bus.drop(host, error);
        },
        onOnline(host) {
          diagnostics.info("Host {host} is online", { host });
          hosts.online(host);
        },
        onReplaced: (host, error) => bus.drop(host, error),
      }),
    );
    const hosts = new FleetHosts({
      registry,
      presence,
      caller: { identity: { user: settings.hub, roles: [] }, fingerprint: "", peer: "" },
      onFault(host, error) {
        if (isRegistryAway(error)) return;
        diagnostics.error("Host {host}: {why}", { host, why: messageOf(error) });
      },
    });
    const losses = new LossReport(tls.cert);
    const bus = resources.use(
      new HubBus({
        ...{ servers: settings.nats, tls, hub: settings.hub },
        onBeat: (host, life) => engine.#heard(host, life),
        onSilent: (host) => presence.silent(host, "nobody answers for it on NATS"),
        onConnected(isConnected, server) {
          if (isConnected) {
            losses.over();
            return diagnostics.info("Connected to NATS at {server}", { server });
          }
          const why = losses.next();
          if (why !== null) diagnostics.warn("{why}", { why });
        },
        onFault: (why) => diagnostics.error("{why}", { why }),
      }),
    );
    resources.use(hosts);
    const queue: FleetQueue = resources.use(
      await FleetQueue.open({
        ...{ hosts, registry, ...queueLimits(options) },
        ids: new IdSequence(await registry.newestId()),
        starts: new SealedStarts(key),
        isDenied: ({ serialNumber = "", fingerprint }): boolean =>
          isDenied(engine.#trust.denyList, serialNumber, fingerprint),
        lostAfterMs: LOST_AFTER_MS,
        onFault(error, jobId) {
          // Told once, and not of each job.
          if (isRegistryAway(error)) return;
          diagnostics.error("Job {jobId} in the queue: {why}", { jobId, why: messageOf(error) });
        },
      }),
    );
    resources.use(others);
    if (registry.isShared) others.follow(hosts, queue);
    const service = new Hub(hosts, registry, queue, audit);
    const about = { settings, signingKey, trust, ca, bus, hosts, registry };
    const parts = { dataDirectory, audit, service, ...about };
    const engine = new HubEngine({ options, ...parts, resources: resources.move() });
    try {
      await engine.#setHosts();
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  async measure(exposition: Exposition): Promise<void> {
    const states = this.#hosts.described().map(({ state }) => state);
    for (const state of ["online", "offline"] as const) {
      const count = states.filter((one) => one === state).length;
      exposition.add("job_worker_fleet_hosts", { state }, count);
    }
    const waiting = await this.#registry.queue.positions();
    exposition.add("job_worker_jobs", { status: "queued" }, waiting.size);
    exposition.add("job_worker_jobs_limit", { status: "queued" }, this.#options.maxQueued);
    exposition.add("job_worker_fleet_index_bytes", {}, await this.#registry.size());
    this.#calls.measure(exposition);
  }

  /** Somebody says that a host is there. */
  #heard(host: string, life: string): void {
    this.#hosts.beat(host, life);
    if (this.#hosts.has(host) && this.#hosts.isOnline(host)) return;
    // It may have been added, or have new keys, and nobody has told us to reload.
    const now = performance.now();
    if (now < this.#nextLook) return;
    this.#nextLook = now + LOOK_EVERY_MS;
    this.#looking = this.reload();
  }

  /** Reads again which hosts there are, and who is denied. */
  async reload(): Promise<void> {
    try {
      this.#trust = { trustedCas: [this.#ca], denyList: await loadDenyListOf(this.#options) };
      await this.#setHosts();
    } catch (error) {
      const why = messageOf(error);
      diagnostics.error("Cannot reload: {why}; the fleet goes on as before", { why });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looking;
    await this.#resources.disposeAsync();
  }

  async #setHosts(): Promise<void> {
    const described = await readFleetHosts(dirname(this.#options.fleet));
    const clients = new Map<string, HubHost>();
    for (const host of described) {
      const key = JSON.stringify(host);
      clients.set(key, this.#clients.get(key) ?? this.#clientOf(host));
    }
    this.#clients = clients;
    await this.#hosts.set([...clients.values()]);
  }

  #clientOf({ host, labels, slots, signCert, sealKey, member }: FleetHost): HubHost {
    const { fleet, hub } = this.#settings;
    const service = new HostClient({
      fleet,
      hub,
      host,
      signingKey: this.#signingKey,
      hostCertificate: new Uint8Array(new X509Certificate(signCert).raw).toBase64(),
      hostSealKey: Uint8Array.fromBase64(sealKey),
      transport: this.#bus,
      trust: () => this.#trust,
    });
    return { name: host, labels, slots, service, ...(member !== undefined && { member }) };
  }
}
