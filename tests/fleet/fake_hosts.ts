/** A hub over hosts that do what the test says. */

import { IdSequence } from "../../lib/ids.ts";
import { FleetHosts, type HubHost } from "../../lib/fleet/fleet_hosts.ts";
import { FleetQueue, type FleetQueueOptions } from "../../lib/fleet/fleet_queue.ts";
import type { HostChangesPage } from "../../lib/fleet/host_changes.ts";
import { Hub } from "../../lib/fleet/hub.ts";
import { Presence } from "../../lib/fleet/presence.ts";
import type { Registry } from "../../lib/fleet/registry.ts";
import { SqliteRegistry } from "../../lib/fleet/sqlite_registry.ts";
import { QUEUE_KEY_BYTES, SealedStarts } from "../../lib/fleet/sealed_starts.ts";
import { silent } from "../../lib/fleet/unanswered.ts";
import type {
  CallContext,
  Job,
  JobService,
  PlaceJobRequest,
} from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, MemoryAudit } from "../service/fixture.ts";
import { fakeService } from "../service/samples.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";

export const FACTS = { version: "1.2.3", running: 1, queued: 0, load: 0.5 };

/** A host that tells what the test says it has, and answers calls as the test says. */
export class FakeHost implements HubHost {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  slots = 2;
  member = "the first of its name";
  readonly service: HubHost["service"];
  /** What it is asked to start, and for whom. */
  readonly starts: (PlaceJobRequest & Pick<CallContext, "caller">)[] = [];
  start: (request: PlaceJobRequest) => Promise<Job> = ({ jobId, start }) => {
    const started = job({
      jobId,
      labels: start.labels,
      name: start.name ?? "",
      owner: this.starts.at(-1)?.caller.identity.user ?? "",
    });
    return Promise.resolve(started);
  };
  /** Whether the hub waits for something to change here. */
  isFollowed = false;
  readonly #jobs: Job[];
  readonly #started = new Map<string, Job>();
  #revision = 1;
  #epoch: string;
  #changed = Promise.withResolvers<void>();
  #dropping = new AbortController();

  constructor(
    name: string,
    jobs: readonly Job[] = [],
    methods: Partial<JobService> = {},
    labels: Readonly<Record<string, string>> = { role: "web" },
  ) {
    this.name = name;
    this.labels = labels;
    this.#epoch = name;
    this.#jobs = [...jobs];
    this.service = {
      ...fakeService({
        getJob: ({ jobId }) => Promise.resolve(this.#started.get(jobId) ?? assert.fail("Not here")),
        ...methods,
      }),
      placeJob: async (request, { caller }) => {
        this.starts.push({ ...request, caller });
        const started = await this.start(request);
        this.#started.set(started.jobId, started);
        return started;
      },
      changes: async ({ epoch, revision, atOnce }, { signal }): Promise<HostChangesPage> => {
        const isKnown = epoch === this.#epoch && revision === this.#revision;
        if (isKnown && !atOnce) {
          const either = AbortSignal.any([signal, this.#dropping.signal]);
          const aborted = new Promise((_, reject) =>
            either.addEventListener("abort", () => reject(either.reason))
          );
          this.isFollowed = true;
          await Promise.race([this.#changed.promise, aborted]).finally(() => {
            this.isFollowed = false;
          });
        }
        const isAnew = epoch !== this.#epoch;
        const page = {
          epoch: this.#epoch,
          revision: this.#revision,
          isAnew,
          removed: [],
          hasMore: false,
        };
        return { ...page, jobs: [...this.#jobs], facts: FACTS };
      },
    };
  }

  /** The ids of what it was asked to start. */
  get ids(): string[] {
    return this.starts.map(({ jobId }) => jobId);
  }

  /** Tells of a job. */
  tell(told: Job): void {
    const known = this.#jobs.findIndex(({ jobId }) => jobId === told.jobId);
    this.#started.set(told.jobId, told);
    this.#jobs.splice(known === -1 ? this.#jobs.length : known, 1, told);
    this.#revision++;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Tells that jobs which it was asked to start have ended. */
  end(...ids: readonly string[]): void {
    for (const jobId of ids) {
      const start = this.starts.find((each) => each.jobId === jobId) ?? assert.fail("Not here");
      this.tell(job({ jobId, owner: start.caller.identity.user, end: DONE }));
    }
  }

  /** Ends what the hub waits for, as the end of the agent does. */
  drop(): void {
    this.#dropping.abort(silent("The agent is gone"));
    this.#dropping = new AbortController();
  }
}

/** The key of every queue of a test. */
export const STARTS: SealedStarts = new SealedStarts(new Uint8Array(QUEUE_KEY_BYTES));

/** A hub, and what it consists of. */
export interface TestHub extends AsyncDisposable {
  readonly hub: Hub;
  readonly presence: Presence;
  readonly audit: MemoryAudit;
  readonly registry: Registry;
  readonly fleet: FleetHosts;
  readonly faults: readonly unknown[];
}

/** A hub whose registry may have been that of another. */
export async function openHubIn(
  path: string,
  hosts: readonly FakeHost[],
  options: Partial<FleetQueueOptions> = {},
): Promise<TestHub> {
  return await openHubOn(await SqliteRegistry.open(`${path}/registry.db`), hosts, options);
}

/** A hub with this registry, which is closed with it. */
export async function openHubOn(
  registry: Registry,
  hosts: readonly FakeHost[],
  options: Partial<FleetQueueOptions> = {},
): Promise<TestHub & { readonly queue: FleetQueue }> {
  await using resources = new AsyncDisposableStack();
  resources.use(registry);
  const presence = resources.use(
    new Presence({
      ...{ onOffline: () => {}, onReplaced: () => {} },
      onOnline: (host) => fleet.online(host),
      // However long a test takes, a host is only away if that says so.
      now: () => 0,
    }),
  );
  const { caller } = ADMIN;
  const fleet = new FleetHosts({ registry, presence, caller, onFault: () => {} });
  resources.use(fleet);
  const faults: unknown[] = [];
  const queue = resources.use(
    await FleetQueue.open({
      ...{ hosts: fleet, registry, ids: new IdSequence(await registry.newestId()), starts: STARTS },
      ...{ maxQueued: 1_000, maxQueuedPerUser: 500, lostAfterMs: 3_600_000 },
      isDenied: () => false,
      onFault: (error) => void faults.push(error),
      ...options,
    }),
  );
  await fleet.set(hosts);
  for (const { name } of hosts) await until(() => Promise.resolve(presence.isOnline(name)));
  const audit = new MemoryAudit();
  const held = resources.move();
  return {
    hub: new Hub(fleet, registry, queue, audit),
    ...{ presence, audit, registry, fleet, faults, queue },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** A hub of its own. */
export async function openHub(...hosts: readonly FakeHost[]): Promise<TestHub> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryDirectory());
  const opened = resources.use(await openHubIn(path, hosts));
  const held = resources.move();
  return { ...opened, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
