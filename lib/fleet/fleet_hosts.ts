import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { WakeUp } from "../async/wake_up.ts";
import { failedPrecondition, JobWorkerError, messageOf } from "../errors.ts";
import type { Host } from "../job/host.ts";
import type { CallContext, JobService, PlacementService } from "../service/job_service.ts";
import type { ChangesService, HostFacts } from "./host_changes.ts";
import type { Presence } from "./presence.ts";
import type { Registry } from "./registry.ts";
import { isRegistryAway } from "./registry_away.ts";
import { HOST_OFFLINE } from "./transport.ts";

/** How long to wait before a host is asked for its changes again that could not tell them. */
const RETRY_MS = { first: 250, last: 10_000 };

/** How often it is written down that a host was heard, if it has nothing else to say. */
const SAVE_EVERY_MS = 60_000;

/** A host, as its operator has described it, and the way to it. */
export interface HubHost {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** Which one it is of those that have had its name; not there if nobody has said so. */
  readonly member?: string;
  readonly service: JobService & PlacementService & ChangesService;
}

/** Options of {@linkcode FleetHosts}. */
export interface FleetHostsOptions {
  readonly registry: Registry;
  readonly presence: Presence;
  /** As whom the hub asks for itself. */
  readonly caller: CallContext["caller"];
  /** Told of what a host cannot tell, once for each cause. */
  readonly onFault: (host: string, error: unknown) => void;
}

/**
 * Is told of a host that has said something, or of which something else is known now.
 *
 * @param isNews whether there may be more than that it goes on as before
 */
export type OnHeard = (host: string, isNews: boolean) => void;

/** Is told of a job that has changed; of `null` if any may have, and nobody knows which. */
export type OnChanged = (jobId: string | null) => void;

/** The hosts of a fleet. What changes at those that are there is copied into the registry. */
export class FleetHosts implements AsyncDisposable {
  readonly #options: FleetHostsOptions;
  readonly #hosts = new Map<string, Followed>();
  readonly #watchers = new Set<OnChanged>();
  readonly #hostWatchers = new Set<OnHeard>();
  readonly #facts = new Map<string, HostFacts>();
  /** When what a host has said was last written down, by the clock that nobody sets. */
  readonly #savedAt = new Map<string, number>();

  constructor(options: FleetHostsOptions) {
    this.#options = options;
  }

  /**
   * Sets which hosts there are. Those that are there already and have not changed go on. What was known of others is
   * forgotten: nobody will say how their jobs end, and another host may have them by then. Of a registry that hubs
   * share, that goes only for those that were there before: others may just not have been made known to this hub.
   */
  async set(hosts: readonly HubHost[]): Promise<void> {
    const { presence, registry, onFault } = this.#options;
    const members = new Map(hosts.map((host) => [host.name, host.member]));
    const names = new Set(members.keys());
    const gone = [...this.#hosts].filter(([name, { host }]) =>
      !names.has(name) || isOther(host.member, members.get(name))
    );
    await Promise.all(gone.map(async ([name, followed]) => {
      this.#hosts.delete(name);
      presence.remove(name);
      await followed.end();
    }));
    const known = await registry.hosts();
    const heard = new Map(known.map(({ name, heardAt }) => [name, heardAt]));
    for (const { name, facts } of known) {
      if (!this.#facts.has(name)) this.#facts.set(name, facts);
      if (names.has(name)) {
        // What that one was given may have run there, and is not for this one to start.
        if (!isOther(facts.member, members.get(name))) continue;
        heard.delete(name);
        await this.#forget(name, facts.member);
        continue;
      }
      if (registry.isShared && !gone.some(([left]) => left === name)) onFault(name, unknownHere());
      else await this.#forget(name);
    }
    for (const host of hosts) {
      const followed = this.#hosts.get(host.name);
      if (followed !== undefined) {
        followed.host = host;
        continue;
      }
      presence.add(host.name, heard.get(host.name) ?? null);
      this.#hosts.set(
        host.name,
        new Followed(host, (signal, online) => {
          return this.#follow(host.name, signal, online);
        }),
      );
    }
    for (const name of names.union(heard)) this.#tellHost(name, true);
  }

  all(): HubHost[] {
    return [...this.#hosts.values()].map(({ host }) => host);
  }

  get(name: string): HubHost | undefined {
    return this.#hosts.get(name)?.host;
  }

  has(name: string): boolean {
    return this.#hosts.has(name);
  }

  isOnline(name: string): boolean {
    return this.#options.presence.isOnline(name);
  }

  heardAt(name: string): number | null {
    return this.#options.presence.heardAt(name);
  }

  /**
   * @throws `unavailable`, with the reason `HOST_OFFLINE`, if the host does not answer; `failed_precondition` if the
   *   fleet has no such host any more
   */
  reach(name: string): HubHost {
    const followed = this.#hosts.get(name);
    if (followed === undefined) {
      throw failedPrecondition(`Host "${name}" is not in the fleet any more`);
    }
    this.#options.presence.check(name);
    return followed.host;
  }

  /**
   * A host that was away is asked how it is, and is there once it has answered: anybody could say that it is.
   *
   * @param life see {@linkcode Presence.beat}
   */
  beat(name: string, life: string): void {
    this.#options.presence.beat(name, life);
    if (this.isOnline(name)) return;
    this.#hosts.get(name)?.wait?.abort(isThereAgain(name));
    this.online(name);
  }

  /** A host has come back: its changes are asked for at once. */
  online(name: string): void {
    this.#hosts.get(name)?.online.notify();
  }

  /** All hosts, in the order of their names, as clients are told of them. */
  described(): Host[] {
    const { presence } = this.#options;
    const hosts = this.all().toSorted((a, b) => a.name < b.name ? -1 : 1);
    return hosts.map(({ name, labels, slots }) => {
      const facts = this.#facts.get(name);
      return {
        name,
        state: presence.isOnline(name) ? "online" : "offline",
        labels,
        slots,
        running: facts?.running ?? 0,
        queued: facts?.queued ?? 0,
        load: facts?.load ?? 0,
        version: facts?.version ?? "",
        heardAt: presence.heardAt(name),
        detail: presence.detail(name),
      };
    });
  }

  /** Calls a function whenever jobs change, until what it returns is disposed of. */
  watch(onChanged: OnChanged): Disposable {
    this.#watchers.add(onChanged);
    return { [Symbol.dispose]: () => void this.#watchers.delete(onChanged) };
  }

  /** Tells those who watch of a job that has changed; `null`: of any that may have. */
  tell(jobId: string | null): void {
    for (const onChanged of this.#watchers) onChanged(jobId);
  }

  /**
   * Calls a function for each host that has said something, or of which something else is known now, until what it
   * returns is disposed of.
   */
  watchHosts(onHeard: OnHeard): Disposable {
    this.#hostWatchers.add(onHeard);
    return { [Symbol.dispose]: () => void this.#hostWatchers.delete(onHeard) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((followed) => followed.end()));
  }

  async #forget(name: string, member?: string): Promise<void> {
    await this.#options.registry.forget(name, member);
    this.#facts.delete(name);
    this.#savedAt.delete(name);
  }

  /** Copies what changes at a host, for as long as it is in the fleet. */
  async #follow(name: string, signal: AbortSignal, online: WakeUp): Promise<void> {
    const { presence, onFault } = this.#options;
    let told = "";
    let nextPause = doubling(RETRY_MS);
    while (!signal.aborted) {
      const isBack = online.next();
      try {
        await this.#copy(name, signal);
        [told, nextPause] = ["", doubling(RETRY_MS)];
        continue;
      } catch (error) {
        if (signal.aborted) return;
        const isOffline = error instanceof JobWorkerError && error.reason === HOST_OFFLINE;
        // The host may well be there.
        if (!isRegistryAway(error)) presence.silent(name, messageOf(error));
        if (!isOffline && told !== messageOf(error)) onFault(name, error);
        told = messageOf(error);
      }
      const ended = new AbortController();
      const either = AbortSignal.any([signal, ended.signal]);
      await Promise.race([isBack, delay(nextPause(), { signal: either })]).catch(() => {});
      ended.abort();
    }
  }

  async #copy(name: string, signal: AbortSignal): Promise<void> {
    const { registry, presence, caller } = this.#options;
    const followed = this.#hosts.get(name);
    if (followed === undefined) return;
    const request = { ...await registry.since(name), atOnce: !presence.isOnline(name) };
    signal.throwIfAborted();
    const wait = new AbortController();
    followed.wait = request.atOnce ? null : wait;
    const { service, member } = followed.host;
    const told = await service.changes(request, {
      caller,
      signal: AbortSignal.any([signal, wait.signal]),
    }).finally(() => followed.wait = null);
    const page = { ...told, facts: { ...told.facts, ...(member !== undefined && { member }) } };
    const now = performance.now();
    const isNews = page.isAnew || page.jobs.length > 0 || page.removed.length > 0;
    // What is only how it is need not be on the disk each time.
    if (isNews || now - (this.#savedAt.get(name) ?? -Infinity) > SAVE_EVERY_MS) {
      await registry.apply(name, page, Date.now());
      this.#savedAt.set(name, now);
    }
    this.#facts.set(name, page.facts);
    presence.heard(name);
    for (const { jobId } of page.jobs) this.tell(jobId);
    this.#tellHost(name, isNews || request.atOnce);
  }

  #tellHost(name: string, isNews: boolean): void {
    for (const onHeard of this.#hostWatchers) onHeard(name, isNews);
  }
}

/** Whether two hosts of one name are not the same. */
function isOther(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

function unknownHere(): JobWorkerError {
  return failedPrecondition(
    "another hub knows it, and this one does not: have the same files in fleet/hosts/ for all hubs",
  );
}

function isThereAgain(host: string): JobWorkerError {
  const text = `Host "${host}" is there again, and has not answered yet`;
  return new JobWorkerError("unavailable", text, { reason: HOST_OFFLINE });
}

/** A host whose changes are copied. */
class Followed {
  host: HubHost;
  readonly online = new WakeUp();
  /** Ends the wait for the next change, so that the host is asked how it is instead. */
  wait: AbortController | null = null;
  readonly #ending = new AbortController();
  readonly #following: Promise<void>;

  constructor(host: HubHost, follow: (signal: AbortSignal, online: WakeUp) => Promise<void>) {
    this.host = host;
    // Only once it is known by its name.
    this.#following = Promise.resolve().then(() => follow(this.#ending.signal, this.online));
  }

  async end(): Promise<void> {
    this.#ending.abort(new JobWorkerError("unavailable", "The hub is shutting down"));
    await this.#following;
  }
}
