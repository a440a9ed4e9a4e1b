import { v7 } from "uuid";
import type { Role } from "../../lib/auth/identity.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { FleetHosts, type HubHost } from "../../lib/fleet/fleet_hosts.ts";
import type { HostChangesPage } from "../../lib/fleet/host_changes.ts";
import { Hub } from "../../lib/fleet/hub.ts";
import { Presence } from "../../lib/fleet/presence.ts";
import { Registry } from "../../lib/fleet/registry.ts";
import { HOST_OFFLINE } from "../../lib/fleet/transport.ts";
import { silent } from "../../lib/fleet/unanswered.ts";
import type { Job, JobService, StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, contextOf, MemoryAudit, TRUE } from "../service/fixture.ts";
import { fakeService } from "../service/samples.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";

const START: StartJobRequest = { command: TRUE, labels: {}, requestId: "once" };
const FACTS = { version: "1.2.3", running: 1, queued: 0, load: 0.5 };

/** A host that tells what the test says it has, and answers calls as the test says. */
class FakeHost implements HubHost {
  readonly name: string;
  readonly labels = { role: "web" };
  readonly slots = 2;
  readonly service: HubHost["service"];
  /** What it is asked to start. */
  readonly starts: StartJobRequest[] = [];
  start: (request: StartJobRequest) => Promise<Job> = (request) =>
    Promise.resolve(job({ jobId: v7(), labels: request.labels }));
  readonly #jobs: readonly Job[];
  #dropping = new AbortController();

  constructor(name: string, jobs: readonly Job[] = [], methods: Partial<JobService> = {}) {
    this.name = name;
    this.#jobs = jobs;
    const service = fakeService({
      startJob: (request) => {
        this.starts.push(request);
        return this.start(request);
      },
      ...methods,
    });
    this.service = {
      ...service,
      changes: async ({ epoch, atOnce }, { signal }): Promise<HostChangesPage> => {
        if (epoch === name && !atOnce) {
          const either = AbortSignal.any([signal, this.#dropping.signal]);
          await new Promise((_, reject) =>
            either.addEventListener("abort", () => reject(either.reason))
          );
        }
        const page = { epoch: name, revision: 1, isAnew: true, removed: [], hasMore: false };
        return { ...page, jobs: this.#jobs, facts: FACTS };
      },
    };
  }

  /** Ends what the hub waits for, as the end of the agent does. */
  drop(): void {
    this.#dropping.abort(silent("The agent is gone"));
    this.#dropping = new AbortController();
  }
}

async function openHub(...hosts: readonly FakeHost[]) {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryDirectory());
  const registry = resources.use(await Registry.open(`${path}/registry.db`));
  const presence = resources.use(
    new Presence({
      ...{ onOffline: () => {}, onReplaced: () => {} },
      onOnline: (host) => fleet.online(host),
    }),
  );
  const { caller } = ADMIN;
  const fleet = new FleetHosts({ registry, presence, caller, onFault: () => {} });
  resources.use(fleet);
  await fleet.set(hosts);
  for (const { name } of hosts) await until(() => Promise.resolve(presence.isOnline(name)));
  const audit = new MemoryAudit();
  const held = resources.move();
  return {
    hub: new Hub(fleet, registry, audit),
    ...{ presence, audit, registry, fleet },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function page(hub: Hub, context = ADMIN, filter = {}) {
  return hub.listJobs({ filter, pageSize: 0, pageToken: "" }, context);
}

Deno.test("Hub gives jobs to the host with most to spare, and to none that is full", async () => {
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(a, b);
  const starts = Array.from(
    { length: 4 },
    (_, index) => test.hub.startJob({ ...START, requestId: `${index}` }, ADMIN),
  );
  const jobs = await Promise.all(starts);
  assert.deepEqual([a.starts.length, b.starts.length], [2, 2]);
  assert.deepEqual(jobs.map(({ host }) => host).toSorted(), ["a", "a", "b", "b"]);
  await assert.rejects(test.hub.startJob({ ...START, requestId: "5" }, ADMIN), {
    code: "resource_exhausted",
    message: /2 of 2 hosts are full/,
  });
  assert.deepEqual(test.audit.taken().map(({ method, result }) => [method, result]), [
    ["startJob", "resource_exhausted"],
  ]);
  assert.deepEqual(a.starts[0], { command: TRUE, labels: {}, requestId: a.starts[0]?.requestId });
});

Deno.test("Hub never starts elsewhere what a host has not answered for", async () => {
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(a, b);
  a.start = () => Promise.reject(silent('Host "a" has not answered'));
  const on = { host: "a", labels: {} };
  await assert.rejects(test.hub.startJob({ ...START, on }, ADMIN), { message: /not answered/ });
  // Whatever a repeat says of where, and whoever has room.
  await assert.rejects(test.hub.startJob(START, ADMIN), { message: /not answered/ });
  assert.deepEqual([a.starts.length, b.starts.length], [2, 0]);
  a.start = () => Promise.resolve(job({ jobId: v7() }));
  assert.equal((await test.hub.startJob(START, ADMIN)).host, "a");
  // Nor if it is offline by then.
  test.presence.silent("a", "nobody answers");
  await assert.rejects(test.hub.startJob(START, ADMIN), { reason: HOST_OFFLINE });
  // Another user's request of that name is another one.
  const other = await test.hub.startJob(START, contextOf("bob", ["operator"]));
  assert.equal(other.host, "b");
});

Deno.test("Hub asks the next host if one has no room, and none if one refuses the job itself", async () => {
  const hosts = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(...hosts);
  const [a, b] = hosts as [FakeHost, FakeHost];
  a.start = () => Promise.reject(new JobWorkerError("resource_exhausted", "Too many run"));
  assert.equal((await test.hub.startJob(START, ADMIN)).host, "b");
  b.start = a.start;
  await assert.rejects(test.hub.startJob({ ...START, requestId: "2" }, ADMIN), /Too many run/);
  const refuse = () => Promise.reject(new JobWorkerError("failed_precondition", "No such program"));
  a.start = refuse;
  b.start = refuse;
  const before = a.starts.length + b.starts.length;
  await assert.rejects(test.hub.startJob({ ...START, requestId: "3" }, ADMIN), /No such program/);
  assert.equal(a.starts.length + b.starts.length, before + 1);
  // It is not placed any more, and may run elsewhere.
  assert.equal(test.registry.placeOf(ADMIN.caller.identity.user, "3"), undefined);
});

Deno.test("Hub starts nothing elsewhere of which another call may still come to the first host", async () => {
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(a, b);
  const full = new JobWorkerError("resource_exhausted", "Too many run");
  const answers = [Promise.withResolvers<Job>(), Promise.withResolvers<Job>()] as const;
  a.start = () => answers[a.starts.length === 1 ? 0 : 1].promise;
  b.start = a.start;
  const first = test.hub.startJob(START, ADMIN);
  const repeat = test.hub.startJob(START, ADMIN);
  await until(() => Promise.resolve(a.starts.length === 2));
  answers[0].reject(full);
  await assert.rejects(first, /Too many run/);
  answers[1].resolve(job({ jobId: v7() }));
  assert.equal((await repeat).host, "a");
  // Nor of which one was not answered, whatever is answered to the next.
  const next = { ...START, requestId: "next", on: { host: "a", labels: {} } };
  a.start = () => Promise.reject(silent("Host a has not answered"));
  await assert.rejects(test.hub.startJob(next, ADMIN), /not answered/);
  a.start = () => Promise.reject(full);
  await assert.rejects(test.hub.startJob(next, ADMIN), /Too many run/);
  await assert.rejects(test.hub.startJob({ ...next, on: { host: "b", labels: {} } }, ADMIN), full);
  assert.equal(b.starts.length, 0);
});

Deno.test("Hub starts nothing elsewhere that runs already, though its disk is full", async () => {
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(a, b);
  const { registry } = test;
  registry.started = () => {
    throw new Error("database or disk is full");
  };
  await assert.rejects(test.hub.startJob(START, ADMIN), {
    code: "unavailable",
    message: /^Host "a" has started job ".*", but the hub cannot write that down: .* is full$/,
  });
  assert.equal(registry.placeOf(ADMIN.caller.identity.user, START.requestId), "a");
});

Deno.test("Hub shows everybody the jobs that they may see, and who has them", async () => {
  const own = job({ jobId: v7(), owner: "bob", labels: { n: "1" } });
  const foreign = job({ jobId: v7(), owner: "carol", end: DONE });
  await using test = await openHub(new FakeHost("a", [own]), new FakeHost("b", [foreign]));
  const seen = async (roles: readonly Role[], filter = {}) =>
    (await page(test.hub, contextOf("bob", roles), filter)).jobs.map(({ owner, host }) => [
      owner,
      host,
    ]);
  const both = [["carol", "b"], ["bob", "a"]];
  assert.deepEqual(await seen(["admin"]), both);
  assert.deepEqual(await seen(["viewer"]), both);
  assert.deepEqual(await seen(["operator"]), [["bob", "a"]]);
  assert.deepEqual(await seen(["operator"], { owner: "carol" }), []);
  assert.deepEqual(await seen(["admin"], { host: "b" }), [["carol", "b"]]);
  assert.deepEqual(await seen(["admin"], { host: "b", owner: "bob" }), []);
  assert.deepEqual(await seen(["admin"], { labels: { n: "1" } }), [["bob", "a"]]);
  test.audit.taken();
  for (const call of [() => seen([]), () => test.hub.listHosts({}, contextOf("bob", []))]) {
    await assert.rejects(call(), { code: "permission_denied" });
  }
  const denied = test.hub.startJob(START, contextOf("bob", ["viewer"]));
  await assert.rejects(denied, { code: "permission_denied" });
  assert.deepEqual(test.audit.taken().map(({ method, decision }) => [method, decision]), [
    ["listJobs", "denied"],
    ["listHosts", "denied"],
    ["startJob", "denied"],
  ]);
});

Deno.test("Hub tells of a host that is away what it last said, and when that was", async () => {
  const known = job({ jobId: v7(), owner: "bob", end: DONE });
  const asked: string[] = [];
  await using test = await openHub(
    new FakeHost("a", [known], {
      stopJob: ({ jobId }) => {
        asked.push(jobId);
        return Promise.resolve(known);
      },
    }),
  );
  const { hub, presence } = test;
  const { jobId } = known;
  const stop = { jobId, stopSignal: "", gracePeriodMs: null };
  assert.equal((await hub.stopJob(stop, ADMIN)).host, "a");
  presence.silent("a", "nobody answers for it");
  const heardAt = presence.heardAt("a");
  const told = { ...known, host: "a", asOf: heardAt };
  assert.deepEqual(await hub.getJob({ jobId }, ADMIN), told);
  assert.deepEqual(await hub.waitJob({ jobId }, ADMIN), told);
  assert.deepEqual((await page(hub)).jobs, [told]);
  await assert.rejects(hub.stopJob(stop, ADMIN), {
    code: "unavailable",
    reason: HOST_OFFLINE,
    message: /^Host "a" is offline, last heard .* ago: nobody answers for it$/,
  });
  assert.deepEqual(asked, [jobId]);
  // Somebody who may not see the job is told the same as of one that does not exist.
  const eve = contextOf("eve", ["operator"]);
  for (const [id, context] of [[jobId, eve], [v7(), ADMIN]] as const) {
    const missing = { code: "not_found", message: `No job "${id}"` };
    await assert.rejects(hub.getJob({ jobId: id }, context), missing);
    await assert.rejects(hub.stopJob({ ...stop, jobId: id }, context), missing);
  }
  const { hosts: [host] } = await hub.listHosts({}, ADMIN);
  assert.deepEqual(host, {
    ...{ name: "a", state: "offline", labels: { role: "web" }, slots: 2, ...FACTS },
    ...{ heardAt, detail: "nobody answers for it" },
  });
});

Deno.test("Hub watches jobs as hosts tell of them", async () => {
  const known = job({ jobId: v7(), owner: "bob" });
  await using test = await openHub(new FakeHost("a", [known]));
  const leaving = new AbortController();
  const context = { ...ADMIN, signal: leaving.signal };
  const seen: (string | undefined)[] = [];
  const later = job({ jobId: v7(), owner: "bob" });
  const watching = (async () => {
    for await (const { jobId, host } of test.hub.watchJobs({ filter: {} }, context)) {
      seen.push(`${jobId} ${host}`);
      if (seen.length === 1) await test.fleet.set([new FakeHost("b", [later])]);
      if (seen.length === 2) leaving.abort(new Error("Enough"));
    }
  })();
  await assert.rejects(watching, /Enough/);
  assert.deepEqual(seen, [`${known.jobId} a`, `${later.jobId} b`]);
});

Deno.test("Hub has a host back at once that was away, though nothing has changed there", async () => {
  const host = new FakeHost("a");
  await using test = await openHub(host);
  // Those that tell of nothing but that it is there.
  await until(() => Promise.resolve(test.registry.since("a").epoch === "a"));
  host.drop();
  await until(() => Promise.resolve(!test.presence.isOnline("a")));
  test.fleet.beat("a", "another life");
  await until(() => Promise.resolve(test.presence.isOnline("a")));
});

Deno.test("Hub forgets the jobs of a host that leaves, and knows them from whoever has them then", async () => {
  const known = job({ jobId: v7(), owner: "bob" });
  await using test = await openHub(new FakeHost("a", [known]));
  test.registry.place("bob", "once", "a");
  await test.fleet.set([]);
  assert.deepEqual((await page(test.hub)).jobs, []);
  assert.equal(test.registry.live("a"), 0);
  // A start that may have come there runs nowhere else all the same.
  assert.equal(test.registry.placeOf("bob", "once"), "a");
  // The same machine, under another name.
  await test.fleet.set([new FakeHost("b", [known])]);
  await until(() => Promise.resolve(test.presence.isOnline("b")));
  assert.deepEqual((await page(test.hub)).jobs.map(({ host }) => host), ["b"]);
  // And under its old one, with nothing new to tell.
  await test.fleet.set([new FakeHost("a", [known])]);
  await until(() => Promise.resolve(test.presence.isOnline("a")));
  assert.deepEqual((await page(test.hub)).jobs.map(({ host }) => host), ["a"]);
});
