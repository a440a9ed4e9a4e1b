import { JobWorkerError, messageOf } from "../errors.ts";
import { connectNats, type NatsOptions } from "./nats_connection.ts";
import { NatsTransport } from "./nats_transport.ts";
import { ALL_BEATS, hubInbox, lastToken, LEAVING } from "./subjects.ts";
import type { FleetRequestOptions, FleetTransport } from "./transport.ts";

/** Options of a {@linkcode HubBus}. */
export interface HubBusOptions extends Pick<NatsOptions, "servers" | "tls"> {
  /** The name of the hub. */
  readonly hub: string;
  /** Told of a host that says that it is there, see `Presence.beat()`. */
  readonly onBeat: (host: string, life: string) => void;
  /** Told of one for which nobody answers, or is about to. */
  readonly onSilent: (host: string) => void;
  /** Told when there is a connection, and when it is lost. */
  readonly onConnected: (isConnected: boolean, server: string) => void;
  /** Told of what goes wrong, in words. */
  readonly onFault: (why: string) => void;
}

/** What a host says with a beat is no longer than a UUID. */
const MAX_LIFE_BYTES = 36;

/** The connection of a hub to NATS, be it there or not: calls that cannot be carried say so at once. */
export class HubBus implements FleetTransport, AsyncDisposable {
  readonly #options: HubBusOptions;
  readonly #ending = new AbortController();
  readonly #connecting: Promise<void>;
  #transport: NatsTransport | null = null;
  #why = "it has just started";

  constructor(options: HubBusOptions) {
    this.#options = options;
    this.#connecting = this.#connect();
  }

  async request(
    host: string,
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: FleetRequestOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#transport !== null) {
      return await this.#transport.request(host, method, bytes, options);
    }
    const servers = this.#options.servers.join(", ");
    const text = `The hub has no connection to NATS at ${servers}: ${this.#why}`;
    throw new JobWorkerError("unavailable", text);
  }

  /** Ends the calls to a host that does not seem to be there any more. */
  drop(host: string, error: JobWorkerError): void {
    this.#transport?.drop(host, error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error("The hub is shutting down"));
    await this.#connecting;
    await this.#transport?.[Symbol.asyncDispose]();
  }

  async #connect(): Promise<void> {
    const { servers, tls, hub, onBeat, onSilent, onConnected, onFault } = this.#options;
    const { signal } = this.#ending;
    const inbox = `${hubInbox(hub)}.${crypto.randomUUID()}`;
    try {
      const connection = await connectNats({
        ...{ servers, tls, name: `hub ${hub}`, inboxPrefix: inbox, signal },
        onFault: (why) => {
          if (why !== this.#why) onFault(`Cannot connect to NATS: ${why}; trying again`);
          this.#why = why;
        },
      });
      this.#transport = new NatsTransport(connection, {
        inbox,
        onSilent,
        onConnected: (isConnected) => onConnected(isConnected, connection.getServer()),
        onFault: (error) => onFault(`NATS: ${messageOf(error)}`),
      });
      connection.subscribe(ALL_BEATS, {
        callback(error, message) {
          if (error !== null) return onFault(`NATS: ${messageOf(error)}`);
          if (message.data.byteLength > MAX_LIFE_BYTES) return;
          const [host, life] = [lastToken(message.subject), message.string()];
          if (life === LEAVING) onSilent(host);
          else onBeat(host, life);
        },
      });
      onConnected(true, connection.getServer());
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
