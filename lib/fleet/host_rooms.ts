import type { HostSelector } from "../job/host.ts";
import type { FleetHosts, HubHost } from "./fleet_hosts.ts";
import { type Candidate, type Placement, placementFor, selects } from "./placement.ts";
import type { Registry } from "./registry.ts";

/** Which hosts have room for whose jobs, by what the hub counts and by what they say themselves. */
export class HostRooms {
  readonly #hosts: FleetHosts;
  readonly #registry: Registry;
  /** The owners whose jobs a host has no room for, by its own word. */
  readonly #fullFor = new Map<string, Set<string>>();

  constructor(hosts: FleetHosts, registry: Registry) {
    this.#hosts = hosts;
    this.#registry = registry;
  }

  /** A host has said that it has no room for somebody's jobs: it is not asked for them until it is heard again. */
  full(host: string, owner: string): void {
    this.#fullFor.set(host, (this.#fullFor.get(host) ?? new Set()).add(owner));
  }

  /** What a host has said before may be otherwise now. @returns whether it has said so of anybody */
  heard(host: string): boolean {
    return this.#fullFor.delete(host);
  }

  /** Whether a host with a free slot may have a job of this owner's that is for these hosts. */
  mayHave(host: HubHost, on: HostSelector, owner: string): boolean {
    return selects(on, host) && !this.#isFullFor(host.name, owner);
  }

  /**
   * Where a job of this owner's may run now. Of those that are full, `online` has only those that the hub counts as
   * full: by the time that it is given to one of them, there may be room.
   */
  async placementFor(on: HostSelector, owner: string): Promise<Placement<Candidate>> {
    const live = await this.#registry.live();
    const named = on.host === "" ? undefined : this.#hosts.get(on.host);
    const hosts = on.host === "" ? this.#hosts.all() : named === undefined ? [] : [named];
    const placement = placementFor(
      hosts.map((host) => this.#candidate(host, owner, live.of(host.name))),
      on,
    );
    const online = placement.online.filter(({ name }) => !this.#isFullFor(name, owner));
    return { ...placement, online };
  }

  #candidate({ name, labels, slots }: HubHost, owner: string, live: number): Candidate {
    const used = this.#isFullFor(name, owner) ? Math.max(slots, live) : live;
    return { name, labels, slots, used, isOnline: this.#hosts.isOnline(name) };
  }

  #isFullFor(name: string, owner: string): boolean {
    return this.#fullFor.get(name)?.has(owner) === true;
  }
}
