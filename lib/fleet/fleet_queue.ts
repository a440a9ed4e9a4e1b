import { JOB_REMOVED, JobWorkerError } from "../errors.ts";
import type { IdSequence } from "../ids.ts";
import type { HostSelector } from "../job/host.ts";
import type { Job, QueuePlace } from "../job/types.ts";
import type { CallContext, Caller, EarlyLog, StartJobRequest } from "../service/job_service.ts";
import { type ClaimNews, Claims } from "./claims.ts";
import type { FleetHosts } from "./fleet_hosts.ts";
import { HostRooms } from "./host_rooms.ts";
import { NOWHERE } from "./known_job.ts";
import { LostHosts } from "./lost_hosts.ts";
import { notPlaced } from "./placement.ts";
import { ANYWHERE, endOf, queuedJob } from "./queued_start.ts";
import { owedAnswer } from "./owed_answer.ts";
import { QueuePlaces } from "./queue_places.ts";
import type { QueueLimits, StoredEntry } from "./queue_store.ts";
import type { Registry } from "./registry.ts";
import type { PendingStart, SealedStarts } from "./sealed_starts.ts";
import { untilJob } from "./until_job.ts";

/** What a {@linkcode FleetQueue} works with. */
export interface FleetQueueOptions extends QueueLimits {
  readonly hosts: FleetHosts;
  readonly registry: Registry;
  readonly ids: IdSequence;
  readonly starts: SealedStarts;
  /** Whether the certificate with which somebody has called is on the deny list by now. */
  readonly isDenied: (caller: Caller) => boolean;
  /** How long a host is away before what is to run again runs elsewhere, in milliseconds. */
  readonly lostAfterMs: number;
  /** How long a call that was not answered may still come to a host; 90 s by default. */
  readonly mayComeMs?: number;
  readonly onFault: (error: unknown, jobId: string) => void;
}

/** What has come of a start. */
export interface Submitted {
  readonly job: Job;
  /** Whether it waits at the hub: then no host knows of it yet. */
  readonly isQueued: boolean;
}

/** Somebody who waits for what comes of a start. */
type Awaited = PromiseWithResolvers<Submitted>;

/**
 * The starts of a fleet: each is written down, given to a host that has room or waits for one, and runs once. A host
 * that has a free slot gets the next one that it may have at that moment, so whoever finds one overtakes nobody.
 */
export class FleetQueue implements AsyncDisposable {
  readonly #options: FleetQueueOptions;
  readonly #rooms: HostRooms;
  readonly #places: QueuePlaces;
  readonly #claims: Claims;
  readonly #lostHosts: LostHosts;
  readonly #watching: Disposable;
  /** Whoever has asked for a start and has not been answered. */
  readonly #awaited = new Map<string, Awaited>();
  readonly #filling = new Set<Promise<void>>();
  #isClosed = false;

  private constructor(options: FleetQueueOptions) {
    const { hosts, registry, onFault } = options;
    this.#options = options;
    this.#rooms = new HostRooms(hosts, registry);
    this.#places = new QueuePlaces(registry, this.#rooms);
    this.#claims = new Claims({
      hosts,
      store: registry.queue,
      open: (jobId) => this.#open(jobId),
      started: (host, job) => registry.started(host, job),
      onNews: (entry, news) => this.#onNews(entry, news),
      onFault,
      ...(options.mayComeMs !== undefined && { mayComeMs: options.mayComeMs }),
    });
    this.#lostHosts = new LostHosts(options.lostAfterMs, (host) => this.#lost(host));
    this.#watching = hosts.watchHosts((host, isNews) => this.#heard(host, isNews));
  }

  /** Takes up what the hub before this one has left. */
  static async open(options: FleetQueueOptions): Promise<FleetQueue> {
    const queue = new FleetQueue(options);
    for (const { host } of await options.registry.queue.given()) queue.#lostHosts.heard(host);
    await queue.adopt();
    for (const { name } of options.hosts.all()) queue.#fill(name);
    return queue;
  }

  /** Takes up what a hub has left that is not there any more. */
  async adopt(): Promise<void> {
    for (const entry of await this.#options.registry.queue.adopt()) {
      this.#claims.give(entry, { mayHaveCome: true });
    }
  }

  /** Something waits that another hub has found no place for. */
  async fill(): Promise<void> {
    const { hosts, registry } = this.#options;
    const live = await registry.live();
    for (const { name, slots } of hosts.all()) {
      if (hosts.isOnline(name) && live.of(name) < slots) this.#fill(name);
    }
  }

  /**
   * Starts a job, or has it wait.
   *
   * @param early told of what the job prints at once, if it need not wait
   * @returns once a host has it, has not answered, or there is none that has room
   * @throws what the host says that does not start it; why there is no host, if it may not wait
   */
  async submit(
    request: StartJobRequest,
    { caller, signal }: CallContext,
    early?: EarlyLog,
  ): Promise<Submitted> {
    const { ids, registry, starts, maxQueued, maxQueuedPerUser } = this.#options;
    const { on = ANYWHERE, priority = 0, ifHostLost = "wait", requestId } = request;
    const { queue: mayWait = maxQueued > 0, ...whole } = request;
    const owner = caller.identity.user;
    const known = requestId === "" ? undefined : await this.#first(owner, requestId, signal);
    if (known !== undefined) return await this.#again(known, requestId);
    const jobId = ids.next();
    const job = queuedJob(jobId, owner, request);
    const { on: _on, priority: _priority, ifHostLost: _ifHostLost, ...start } = whole;
    const sealed = await starts.seal(jobId, { start: { ...start, requestId: "" }, caller });
    const reruns = ifHostLost === "rerun";
    const entry = { jobId, owner, priority, on, mayWait, reruns, job, requestId };
    const placement = await this.#rooms.placementFor(on, owner);
    const awaited = Promise.withResolvers<Submitted>();
    awaited.promise.catch(() => {});
    this.#awaited.set(jobId, awaited);
    using _awaited = { [Symbol.dispose]: () => void this.#awaited.delete(jobId) };
    const added = await registry.queue.add({ ...entry, sealed }, placement.online, {
      maxQueued,
      maxQueuedPerUser,
    });
    switch (added.kind) {
      case "refused":
        throw notPlaced(placement, on);
      case "known":
        return await this.#again(added.jobId, requestId);
      case "waiting":
        this.#options.hosts.tell(jobId);
        this.#track(this.#giveLate(on, owner));
        // Somebody may have asked for the same meanwhile.
        awaited.resolve(this.#places.tell(jobId).then((job) => ({ job, isQueued: true })));
        return await awaited.promise;
      case "given": {
        const { host } = added;
        const given = { host, isHere: true, isAnswered: false };
        this.#claims.give({ ...entry, ...given, bytes: sealed.byteLength }, { early });
        return await awaited.promise;
      }
    }
  }

  /** Whether no host has said that it has this job, and the queue has it. */
  async has(jobId: string): Promise<boolean> {
    const entry = await this.#options.registry.queue.get(jobId);
    return entry !== undefined && !entry.isAnswered;
  }

  /**
   * Waits until a host has a job, or it has ended without.
   *
   * @throws the reason of the signal
   */
  async left(jobId: string, signal: AbortSignal): Promise<void> {
    const { hosts } = this.#options;
    await untilJob(jobId, async () => !await this.has(jobId), { hosts, signal });
  }

  /**
   * Takes a job out of the queue. If a host was given it, waits until it is known whether that has it.
   *
   * @returns the ended job; `undefined` if a host has it
   * @throws `unavailable` if that host is offline; the reason of the signal
   */
  async cancel(jobId: string, signal: AbortSignal): Promise<Job | undefined> {
    const { registry, hosts } = this.#options;
    let ended: Job | undefined;
    await untilJob(jobId, async () => {
      const entry = await registry.queue.get(jobId);
      if (entry === undefined || entry.isAnswered) return true;
      if (entry.host !== NOWHERE) {
        hosts.reach(entry.host);
        return false;
      }
      ended = await registry.queue.end(jobId, NOWHERE, endOf("cancelled", "stopped"));
      return ended !== undefined;
    }, { hosts, signal });
    if (ended !== undefined) this.#options.hosts.tell(jobId);
    return ended;
  }

  /**
   * Changes how long a job that waits may run.
   *
   * @returns the job as it is then; `undefined` if it does not wait
   */
  async limitTime(jobId: string, timeoutMs: number): Promise<Job | undefined> {
    const { registry, starts } = this.#options;
    const known = await registry.get(jobId);
    const pending = await this.#unseal(jobId);
    if (known === undefined || pending === undefined) return undefined;
    const { start, caller } = pending;
    const execution = { ...start.execution, timeoutMs };
    const sealed = await starts.seal(jobId, { caller, start: { ...start, execution } });
    const job = { ...known.job, execution: { ...known.job.execution, timeoutMs } };
    if (!await registry.queue.change(job, sealed)) return undefined;
    this.#options.hosts.tell(jobId);
    return await this.#places.tell(jobId);
  }

  /** Where a job stands that no host has answered for; `null` for any other. */
  placeOf(job: Job, host: string): Promise<QueuePlace | null> {
    return this.#places.of(job, host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#watching[Symbol.dispose]();
    await Promise.all(this.#filling);
    await this.#claims[Symbol.asyncDispose]();
    this.#lostHosts[Symbol.dispose]();
    const closed = new JobWorkerError("unavailable", "The hub is shutting down");
    for (const { reject } of this.#awaited.values()) reject(closed);
  }

  /** The job of a start that was asked for before; `undefined` if there was none, or its host has refused it. */
  async #first(
    owner: string,
    requestId: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { registry: { queue }, hosts } = this.#options;
    const jobId = await queue.find(owner, requestId);
    if (jobId === undefined || this.#awaited.has(jobId)) return jobId;
    const isSilent = () => this.#places.isSilent(jobId);
    await owedAnswer(jobId, { queue, hosts, isSilent, signal });
    return await queue.find(owner, requestId);
  }

  /** What has become of a start that was asked for before. */
  async #again(jobId: string, requestId: string): Promise<Submitted> {
    const first = this.#awaited.get(jobId);
    if (first !== undefined) return await first.promise;
    if (await this.#options.registry.get(jobId) === undefined) {
      throw new JobWorkerError(
        "failed_precondition",
        `Cannot start the job again: the request id "${requestId}" was that of job "${jobId}", whose record has ` +
          "been removed; use another",
        { reason: JOB_REMOVED, field: "requestId" },
      );
    }
    return { job: await this.#places.tell(jobId), isQueued: false };
  }

  async #onNews(entry: StoredEntry, news: ClaimNews): Promise<void> {
    const { jobId, host, on, owner } = entry;
    const { registry, hosts } = this.#options;
    const awaited = this.#awaited.get(jobId);
    this.#places.heard(jobId, news.kind === "silent" ? news.error.message : null);
    switch (news.kind) {
      case "started":
        this.#lostHosts.heard(host);
        awaited?.resolve({ job: news.job, isQueued: false });
        break;
      case "silent":
        awaited?.resolve({ job: await this.#places.tell(jobId), isQueued: true });
        break;
      case "full": {
        this.#rooms.full(host, owner);
        const { online } = await this.#rooms.placementFor(on, owner);
        const next = await registry.queue.release(jobId, host, online);
        if (next !== NOWHERE && next !== undefined) this.#claims.give({ ...entry, host: next });
        else if (entry.mayWait || next === undefined) {
          awaited?.resolve({ job: await this.#places.tell(jobId), isQueued: true });
        } else await this.#refuse(entry, NOWHERE, news, awaited);
        // What others wait for may be free now.
        this.#fill(host);
        break;
      }
      case "refused":
        await this.#refuse(entry, host, news, awaited);
        this.#fill(host);
        break;
      case "over":
        // If another hub asks the host by now, it is not known yet whether that has the job.
        await Promise.all([this.#places.tell(jobId), this.has(jobId)]).then(
          ([job, isQueued]) => awaited?.resolve({ job, isQueued }),
          (error) => awaited?.reject(error),
        );
        break;
    }
    hosts.tell(jobId);
  }

  /**
   * Whoever waits for the answer is told; of what nobody waits for, there is a job that has failed.
   *
   * @param from where the start is now, unless something else has become of it meanwhile
   */
  async #refuse(
    { jobId, host }: StoredEntry,
    from: string,
    { error, isSent }: { readonly error: JobWorkerError; readonly isSent: boolean },
    awaited: Awaited | undefined,
  ): Promise<void> {
    const { queue } = this.#options.registry;
    if (awaited !== undefined && error.reason !== JOB_REMOVED) {
      if (await queue.withdraw(jobId, from)) awaited.reject(error);
      else awaited.resolve({ job: await this.#places.tell(jobId), isQueued: true });
      return;
    }
    const reason = error.reason === JOB_REMOVED ? "lost" : "start_failed";
    const end = {
      ...endOf("failed", reason),
      detail: `${isSent ? `host "${host}": ` : ""}${error.message}`,
    };
    const ended = await queue.end(jobId, from, end);
    awaited?.resolve({ job: ended ?? await this.#places.tell(jobId), isQueued: true });
  }

  async #open(jobId: string): Promise<PendingStart | undefined> {
    const pending = await this.#unseal(jobId);
    if (pending === undefined || !this.#options.isDenied(pending.caller)) return pending;
    const { user } = pending.caller.identity;
    throw new JobWorkerError(
      "permission_denied",
      `The certificate with which user "${user}" has asked for the job was revoked before its turn came`,
    );
  }

  async #unseal(jobId: string): Promise<PendingStart | undefined> {
    const sealed = await this.#options.registry.queue.sealed(jobId);
    return sealed && await this.#options.starts.open(jobId, sealed);
  }

  #heard(host: string, isNews: boolean): void {
    const wasFull = this.#rooms.heard(host);
    const { hosts } = this.#options;
    if (hosts.has(host)) {
      this.#lostHosts.heard(host);
      // Otherwise what it may have it has already.
      if (isNews || wasFull) this.#fill(host);
      return;
    }
    this.#lostHosts.remove(host);
    // What was to run there may have to run elsewhere.
    for (const { name } of hosts.all()) this.#fill(name);
  }

  async #lost(host: string): Promise<void> {
    const { hosts, registry, onFault } = this.#options;
    if (hosts.isOnline(host)) return;
    try {
      for (const jobId of await registry.queue.requeue(host)) hosts.tell(jobId);
    } catch (error) {
      onFault(error, "");
    }
    for (const { name } of hosts.all()) this.#fill(name);
  }

  /** Gives a host what it may have. */
  #fill(name: string): void {
    this.#track(this.#give(name));
  }

  /** A host that has come since somebody has looked for one has found nothing that waits. */
  async #giveLate(on: HostSelector, owner: string): Promise<void> {
    const { places } = await this.#rooms.placementFor(on, owner);
    for (const { name } of places) await this.#give(name);
  }

  #track(giving: Promise<void>): void {
    const filling = giving
      .catch((error) => this.#options.onFault(error, ""))
      .finally(() => this.#filling.delete(filling));
    this.#filling.add(filling);
  }

  async #give(name: string): Promise<void> {
    const { hosts, registry } = this.#options;
    while (!this.#isClosed && hosts.isOnline(name)) {
      const host = hosts.get(name);
      if (host === undefined) return;
      const entry = await registry.queue.claim(
        host,
        (on, owner) => this.#rooms.mayHave(host, on, owner),
      );
      if (entry === undefined) return;
      this.#claims.give(entry);
      hosts.tell(entry.jobId);
    }
  }
}
