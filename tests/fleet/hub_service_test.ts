import { v7 } from "uuid";
import type { Role } from "../../lib/auth/identity.ts";
import { JOB_REMOVED, JobWorkerError } from "../../lib/errors.ts";
import type { Hub } from "../../lib/fleet/hub.ts";
import { HOST_OFFLINE } from "../../lib/fleet/transport.ts";
import type { StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, contextOf, TRUE } from "../service/fixture.ts";
import { until } from "../worker/fixture.ts";
import { FACTS, FakeHost, openHub } from "./fake_hosts.ts";

const START: StartJobRequest = { command: TRUE, labels: {}, requestId: "once" };

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
  const refused = test.hub.startJob({ ...START, requestId: "5", queue: false }, ADMIN);
  await assert.rejects(refused, {
    code: "resource_exhausted",
    message: "Cannot place the job: 2 of 2 hosts are full",
  });
  assert.deepEqual(test.audit.taken().map(({ method, result }) => [method, result]), [
    ["startJob", "resource_exhausted"],
  ]);
  const [first] = a.starts;
  assert.deepEqual(first, {
    jobId: first?.jobId,
    start: { command: TRUE, labels: {}, requestId: "" },
    caller: ADMIN.caller,
  });
  assert.ok(jobs.some(({ jobId, host }) => jobId === first?.jobId && host === "a"));
});

Deno.test("Hub returns the same job to whoever asks again, and to nobody else", async () => {
  const a = new FakeHost("a");
  await using test = await openHub(a);
  const both = await Promise.all([
    test.hub.startJob(START, ADMIN),
    test.hub.startJob(START, ADMIN),
  ]);
  const again = await test.hub.startJob(START, ADMIN);
  assert.deepEqual(new Set([...both, again].map(({ jobId }) => jobId)), new Set(a.ids));
  const other = await test.hub.startJob(START, contextOf("bob", ["operator"]));
  assert.notEqual(other.jobId, again.jobId);
  // Nor is it started again when its record is gone.
  await test.fleet.set([]);
  await assert.rejects(test.hub.startJob(START, ADMIN), {
    code: "failed_precondition",
    reason: JOB_REMOVED,
  });
});

Deno.test("Hub asks the next host if one has no room, and none if one refuses the job itself", async () => {
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(a, b);
  const full = () => Promise.reject(new JobWorkerError("resource_exhausted", "Too many run"));
  a.start = full;
  assert.equal((await test.hub.startJob(START, ADMIN)).host, "b");
  b.start = full;
  const refused = test.hub.startJob({ ...START, requestId: "2", queue: false }, ADMIN);
  await assert.rejects(refused, { code: "resource_exhausted" });
  const refuse = () => Promise.reject(new JobWorkerError("failed_precondition", "No such program"));
  const c = new FakeHost("c");
  await test.fleet.set([a, b, c]);
  await until(() => Promise.resolve(test.presence.isOnline("c")));
  [a.start, b.start, c.start] = [refuse, refuse, refuse];
  const before = [a, b, c].reduce((sum, { starts }) => sum + starts.length, 0);
  await assert.rejects(test.hub.startJob({ ...START, requestId: "3" }, ADMIN), /No such program/);
  assert.equal([a, b, c].reduce((sum, { starts }) => sum + starts.length, 0), before + 1);
  // Nothing is left of it.
  assert.equal((await test.registry.list({ statuses: ["queued"] }, { limit: 9 })).length, 0);
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
  await until(async () => (await test.registry.since("a")).epoch === "a");
  host.drop();
  await until(() => Promise.resolve(!test.presence.isOnline("a")));
  test.fleet.beat("a", "another life");
  await until(() => Promise.resolve(test.presence.isOnline("a")));
});

Deno.test("Hub has a host back with its next beat that was silent while the hub waited for it", async () => {
  const host = new FakeHost("a");
  await using test = await openHub(host);
  await until(() => Promise.resolve(host.isFollowed));
  // What waits there is not ended by that, and may be repeated as it is.
  test.presence.silent("a", "it has said nothing for 15s");
  assert.ok(host.isFollowed);
  test.fleet.beat("a", "the same life");
  await until(() => Promise.resolve(test.presence.isOnline("a")));
});

Deno.test("Hub forgets the jobs of a host that leaves, and knows them from whoever has them then", async () => {
  const known = job({ jobId: v7(), owner: "bob" });
  await using test = await openHub(new FakeHost("a", [known]));
  await test.fleet.set([]);
  assert.deepEqual((await page(test.hub)).jobs, []);
  assert.equal((await test.registry.live()).of("a"), 0);
  // The same machine, under another name.
  await test.fleet.set([new FakeHost("b", [known])]);
  await until(() => Promise.resolve(test.presence.isOnline("b")));
  assert.deepEqual((await page(test.hub)).jobs.map(({ host }) => host), ["b"]);
  // And under its old one, with nothing new to tell.
  await test.fleet.set([new FakeHost("a", [known])]);
  await until(() => Promise.resolve(test.presence.isOnline("a")));
  assert.deepEqual((await page(test.hub)).jobs.map(({ host }) => host), ["a"]);
});
