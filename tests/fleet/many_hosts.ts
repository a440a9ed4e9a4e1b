/**
 * A hub and many hosts in one process, with all that is signed and sealed between them, but no NATS. A job of theirs
 * prints a line, and is done.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { makeSealKeys } from "../../lib/auth/fleet_certificates.ts";
import { FleetHosts, type HubHost } from "../../lib/fleet/fleet_hosts.ts";
import { FleetQueue } from "../../lib/fleet/fleet_queue.ts";
import { HostClient } from "../../lib/fleet/host_client.ts";
import { HostDoor } from "../../lib/fleet/host_door.ts";
import { Hub } from "../../lib/fleet/hub.ts";
import { Presence } from "../../lib/fleet/presence.ts";
import type { Registry } from "../../lib/fleet/registry.ts";
import { SqliteRegistry } from "../../lib/fleet/sqlite_registry.ts";
import { IdSequence } from "../../lib/ids.ts";
import { loadSealKeys } from "../../lib/fleet/seal.ts";
import { loadSigningKey } from "../../lib/fleet/signing.ts";
import type { FleetTransport } from "../../lib/fleet/transport.ts";
import type { CallContext, Job, PlaceJobRequest } from "../../lib/service/job_service.ts";
import { abortable } from "../../lib/async/abortable.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, MemoryAudit } from "../service/fixture.ts";
import { fakeService } from "../service/samples.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { STARTS } from "./fake_hosts.ts";
import { CA, credentialsOf, FLEET, HUB, HUB_KEY } from "./fixture.ts";

const TRUST = { trustedCas: [new X509Certificate(CA.cert)], denyList: new Set<string>() };

/** A host of which only the jobs are made up. */
class SimulatedHost {
  readonly starts: PlaceJobRequest["start"][] = [];
  readonly #jobs = new Map<string, Job>();

  readonly service = {
    ...fakeService({
      streamLogs: async function* (this: SimulatedHost, { jobId }: { jobId: string }) {
        await Promise.resolve();
        const data = new TextEncoder().encode("up 3 days\n");
        const made = this.#jobs.get(jobId);
        yield {
          records: [{ offset: 0, time: 1, stream: "stdout" as const, data }],
          nextOffset: 10,
          finishedJob: null,
        };
        yield {
          records: [],
          nextOffset: 10,
          finishedJob: made === undefined ? null : { ...made, end: DONE },
        };
      }.bind(this),
    }),
    placeJob: ({ jobId, start }: PlaceJobRequest, { caller }: CallContext) => {
      this.starts.push(start);
      const { command, labels } = start;
      const { user: owner } = caller.identity;
      const made = this.#jobs.get(jobId) ?? job({ jobId, command, labels, owner });
      this.#jobs.set(jobId, made);
      return Promise.resolve(made);
    },
    changes: async (
      { epoch, atOnce }: { epoch: string; atOnce: boolean },
      { signal }: { signal: AbortSignal },
    ) => {
      if (epoch !== "" && !atOnce) await abortable(new Promise<never>(() => {}), signal);
      const facts = { version: "1", running: 0, queued: 0, load: 0 };
      return {
        epoch: "1",
        revision: 1,
        isAnew: epoch === "",
        removed: [],
        hasMore: false,
        jobs: [],
        facts,
      };
    },
  };
}

/** The hub, and what its hosts were asked. */
export class ManyHosts implements AsyncDisposable {
  readonly hub: Hub;
  /** The hub's own trail. */
  readonly audit = new MemoryAudit();
  readonly hosts: ReadonlyMap<string, SimulatedHost>;
  /** How many calls hosts were asked, by their methods. */
  readonly calls: ReadonlyMap<string, number>;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    fleet: FleetHosts,
    registry: Registry,
    queue: FleetQueue,
    hosts: ReadonlyMap<string, SimulatedHost>,
    calls: ReadonlyMap<string, number>,
    resources: AsyncDisposableStack,
  ) {
    this.hub = new Hub(fleet, registry, queue, this.audit);
    this.hosts = hosts;
    this.calls = calls;
    this.#resources = resources;
  }

  static async open(count: number): Promise<ManyHosts> {
    await using resources = new AsyncDisposableStack();
    const doors = new Map<string, HostDoor>();
    const hosts = new Map<string, SimulatedHost>();
    const calls = new Map<string, number>();
    const presence = resources.use(
      new Presence({ onOffline: () => {}, onOnline: () => {}, onReplaced: () => {} }),
    );
    const transport: FleetTransport = {
      request: (host, method, bytes, { signal }) => {
        calls.set(method, (calls.get(method) ?? 0) + 1);
        const door = doors.get(host);
        if (door === undefined) throw new TypeError(`No host ${host}`);
        const answer = door.answer(method, bytes, signal);
        // Whoever answers is there still, however busy all of them are.
        void answer.then(() => {
          if (presence.isOnline(host)) presence.heard(host);
        });
        return abortable(answer, signal);
      },
    };
    const hubHosts: HubHost[] = [];
    const { privateKey, publicKey } = await makeSealKeys();
    for (let number = 1; number <= count; number++) {
      const name = `web-${number}`;
      const { sign } = await credentialsOf({ fleet: FLEET, kind: "host", name });
      const host = new SimulatedHost();
      hosts.set(name, host);
      const door = new HostDoor(host.service as never, {
        ...{ fleet: FLEET, host: name, signingKey: loadSigningKey(sign) },
        ...{ sealKeys: loadSealKeys(privateKey), trust: () => TRUST, maxNonces: 1000 },
        onFault: (error) => {
          throw error;
        },
      });
      doors.set(name, resources.use(door));
      const service = new HostClient({
        ...{ fleet: FLEET, hub: HUB.name, signingKey: HUB_KEY, host: name, transport },
        hostCertificate: new Uint8Array(new X509Certificate(sign.cert).raw).toBase64(),
        hostSealKey: Uint8Array.fromBase64(publicKey),
        trust: () => TRUST,
      });
      hubHosts.push({ name, labels: { role: "web" }, slots: 4, service });
    }
    const { path } = resources.use(await temporaryDirectory());
    const registry = resources.use(await SqliteRegistry.open(`${path}/registry.db`));
    const { caller } = ADMIN;
    const fleet = resources.use(
      new FleetHosts({
        registry,
        presence,
        caller,
        onFault: () => {},
      }),
    );
    await fleet.set(hubHosts);
    for (const { name } of hubHosts) await until(() => Promise.resolve(presence.isOnline(name)));
    const queue = resources.use(
      await FleetQueue.open({
        ...{
          hosts: fleet,
          registry,
          ids: new IdSequence(await registry.newestId()),
          starts: STARTS,
        },
        ...{ maxQueued: 1_000, maxQueuedPerUser: 500, lostAfterMs: 3_600_000 },
        isDenied: () => false,
        onFault: (error) => {
          throw error;
        },
      }),
    );
    return new ManyHosts(fleet, registry, queue, hosts, calls, resources.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
