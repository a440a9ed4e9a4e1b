import { X509Certificate } from "node:crypto";
import { loadDenyListOf } from "../auth/deny_list.ts";
import type { Trust } from "../auth/certificate_path.ts";
import type { DaemonOptions } from "../config/options.ts";
import { messageOf } from "../errors.ts";
import type { ChangesService } from "../fleet/host_changes.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { HostDoor, type HostDoorRefusal } from "../fleet/host_door.ts";
import type { HostService } from "../fleet/host_methods.ts";
import { checkJoinFile, joinDatesFault, type JoinFile, readJoinFile } from "../fleet/join_file.ts";
import { expiryOf } from "../fleet/member_credentials.ts";
import { loadSealKeys } from "../fleet/seal.ts";
import { loadSigningKey } from "../fleet/signing.ts";
import type { Rights } from "../process/users.ts";
import type { Refusal } from "../service/audit.ts";
import type { JobService, PlacementService } from "../service/job_service.ts";
import { JOB_METHODS } from "../service/methods.ts";
import { agentCommand } from "./agent_command.ts";
import { AgentKeeper } from "./agent_keeper.ts";
import type { Measured } from "./measured.ts";
import { AGENT_SOCKET } from "./data_directory.ts";
import { diagnostics } from "./diagnostics.ts";
import { watchExpiry } from "./expiry.ts";

/** Options of {@linkcode FleetHost.open}. */
export interface FleetHostOptions
  extends Pick<DaemonOptions, "fleet" | "fleetRoles" | "ca" | "denyList" | "debug"> {
  readonly service: JobService & PlacementService;
  readonly changes: ChangesService;
  readonly dataDirectory: string;
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Whom agents run as; `null`: as we do. */
  readonly rights: Rights | null;
  readonly journal: boolean;
  /** Told of every call that was refused before it was known whose it is. */
  readonly onRefused: (refusal: Refusal) => void;
}

/** What makes this daemon a host of a fleet: the door at which calls of hubs come in, and the agent that brings them. */
export class FleetHost implements AsyncDisposable, Measured {
  readonly #options: FleetHostOptions;
  readonly #resources = new AsyncDisposableStack();
  #agent: AgentKeeper | null = null;
  #trust: Trust;

  private constructor(options: FleetHostOptions, trust: Trust) {
    this.#options = options;
    this.#trust = trust;
  }

  /**
   * @returns `null`, having said why, if the certificates have expired: that comes by itself, and must not take a host
   * and its own API away
   * @throws `failed_precondition` if the file of the fleet, or the deny list, cannot be used
   */
  static async open(options: FleetHostOptions): Promise<FleetHost | null> {
    const path = options.fleet;
    const file = await readJoinFile(path);
    checkJoinFile(path, file);
    const remedy = remedyOf(file);
    const why = joinDatesFault(file, Date.now());
    if (why !== null) {
      diagnostics.error(
        "This host takes no part in its fleet, and serves its own API as ever: in {path}, {why}; {remedy}",
        { path, why, remedy },
      );
      return null;
    }
    const trust = {
      trustedCas: [new X509Certificate(file.ca)],
      denyList: await loadDenyListOf(options),
    };
    const opened = new FleetHost(options, trust);
    const door = opened.#resources.use(await opened.#openDoor(file));
    opened.#agent = opened.#resources.use(opened.#keepAgent(file, door));
    opened.#resources.use(
      watchExpiry(expiryOf(file), (expires) => {
        diagnostics.warn(
          "The certificate of this host in its fleet, in {path}, {expires}: {remedy}",
          { path, expires, remedy },
        );
      }),
    );
    return opened;
  }

  /** Reads the deny list again. */
  async reload(): Promise<void> {
    try {
      const denyList = await loadDenyListOf(this.#options);
      this.#trust = { ...this.#trust, denyList };
    } catch (error) {
      const why = messageOf(error);
      diagnostics.error("Cannot reload: {why}; hubs are judged as before", { why });
    }
  }

  measure(exposition: Exposition): void {
    this.#agent?.measure(exposition);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #openDoor({ fleet, host, sign, sealKey }: JoinFile): Promise<HostDoor> {
    return new HostDoor(hostService(this.#options), {
      fleet,
      host,
      signingKey: await loadSigningKey(sign),
      sealKeys: await loadSealKeys(sealKey),
      trust: () => this.#trust,
      roles: this.#options.fleetRoles,
      onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
      onRefusal: (refusal) => this.#refuse(refusal),
    });
  }

  #refuse({ message, fingerprint, unreported }: HostDoorRefusal): void {
    const certificate = fingerprint || "none";
    diagnostics.warn("A call of a hub was refused: {message}; its certificate: {certificate}", {
      message,
      certificate,
    });
    const unseen = { method: "fleet", peer: "", user: "" } as const;
    this.#options.onRefused({ ...unseen, fingerprint, why: message, unreported });
  }

  #keepAgent({ host, nats, tls, ca }: JoinFile, door: HostDoor): AgentKeeper {
    const { setsid, rights, dataDirectory, debug, journal } = this.#options;
    const socket = `${dataDirectory}/${AGENT_SOCKET}`;
    const agent = { host, servers: nats, tls: { ...tls, ca }, socket, debug, journal };
    return new AgentKeeper({ setsid, rights, door, agent, command: agentCommand(agent) });
  }
}

/** The service of the engine, with what only hubs ask for. */
function hostService({ service, changes }: FleetHostOptions): HostService {
  const methods = JOB_METHODS.map((method) => [method, service[method].bind(service)]);
  return {
    ...Object.fromEntries(methods) as JobService,
    placeJob: (request, context) => service.placeJob(request, context),
    changes: (request, context) => changes.changes(request, context),
  };
}

/** How a host gets new certificates. */
function remedyOf({ host }: JoinFile): string {
  return `run \`worker-daemon host add ${host} --force\` with its labels and slots at the hub, and ` +
    `\`worker-daemon join ${host}.join\` here; then start the daemon again`;
}
