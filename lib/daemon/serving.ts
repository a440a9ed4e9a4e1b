import { formatHostPort, type HostPort } from "../net/host_port.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import type { GatewayAddresses } from "./gateway_protocol.ts";
import type { ServiceManager } from "./service_manager.ts";

/** What can be told to read its files again. */
interface Reloadable {
  reload(): Promise<unknown>;
}

/** A daemon whose gateways listen, as whoever has started it sees that. */
export class Serving {
  readonly #lines: readonly string[];
  readonly #manager: ServiceManager | null;
  readonly #process: Pick<DaemonProcess, "print" | "signal">;

  constructor(
    { address, restAddress }: GatewayAddresses,
    metrics: HostPort | null,
    manager: ServiceManager | null,
    process: Pick<DaemonProcess, "print" | "signal">,
  ) {
    const rest = restAddress === null ? [] : [`serving REST at https://${format(restAddress)}`];
    const told = metrics === null ? [] : [`serving metrics at http://${format(metrics)}/metrics`];
    this.#lines = [`listening on ${format(address)}`, ...rest, ...told];
    this.#manager = manager;
    this.#process = process;
  }

  async announce(): Promise<void> {
    for (const line of this.#lines) this.#process.print(`worker-daemon ${line}\n`);
    await this.#manager?.ready(this.#status);
  }

  /** Has its parts read their files again. */
  async reload(parts: readonly (Reloadable | null)[]): Promise<void> {
    await this.#manager?.reloading();
    await Promise.all(parts.map((part) => part?.reload()));
    if (!this.#process.signal.aborted) await this.#manager?.ready(this.#status);
  }

  get #status(): string {
    return this.#lines.join(", ");
  }
}

function format({ hostname, port }: HostPort): string {
  return formatHostPort(hostname, port);
}
