/** Names of jobs in a fleet: the hub keeps them apart, as far as it knows of them. */

import { v7 } from "uuid";
import { type Job, statusOf } from "../../lib/job/types.ts";
import type { StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { ADMIN, contextOf, TRUE } from "../service/fixture.ts";
import { until } from "../worker/fixture.ts";
import { FakeHost, openHub, type TestHub } from "./fake_hosts.ts";

const START: StartJobRequest = { command: TRUE, labels: {}, name: "nightly", requestId: "" };
const BOB = contextOf("bob", ["operator"]);
const TAKEN = { code: "already_exists", field: "name" };

async function listed({ hub }: TestHub, filter: object, context = ADMIN): Promise<readonly Job[]> {
  const request = { filter, own: true, pageSize: 0, pageToken: "" };
  return (await hub.listJobs(request, context)).jobs;
}

Deno.test("Of starts at once with one name, the hub gives one to a host, whichever host that is", async () => {
  const hosts = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(...hosts);
  const starts = await Promise.allSettled(
    Array.from({ length: 4 }, () => test.hub.startJob(START, ADMIN)),
  );
  const refused = starts.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 3);
  for (const { reason } of refused as PromiseRejectedResult[]) {
    assert.deepEqual([reason.code, reason.field], ["already_exists", "name"]);
  }
  const placed = hosts.flatMap((host) => host.starts);
  assert.deepEqual(placed.map(({ start }) => start.name), ["nightly"]);
  // Others have names of their own.
  await test.hub.startJob(START, BOB);
  const [mine, ...more] = await listed(test, { name: "nightly" });
  assert.deepEqual(more, []);
  assert.equal(mine?.jobId, placed[0]?.jobId);
  assert.equal((await listed(test, { jobIdSuffix: mine?.jobId.slice(-12) }))[0]?.name, "nightly");
  const host = hosts.find(({ ids }) => ids.includes(mine?.jobId ?? ""));
  host?.end(mine?.jobId ?? "");
  await until(async () => (await listed(test, { name: "nightly" }))[0]?.end?.status === "done");
  await test.hub.startJob(START, ADMIN);
  assert.equal((await listed(test, { name: "nightly" })).length, 2);
});

Deno.test("A job that waits at the hub has its name, and a repeat of its request is the same job", async () => {
  await using test = await openHub();
  const once = { ...START, requestId: "once" };
  const queued = await test.hub.startJob(once, ADMIN);
  assert.deepEqual([statusOf(queued), queued.name], ["queued", "nightly"]);
  assert.equal((await test.hub.startJob(once, ADMIN)).jobId, queued.jobId);
  await assert.rejects(test.hub.startJob(START, ADMIN), { ...TAKEN, message: /is queued/ });
  await assert.rejects(test.hub.startJob({ ...START, name: "beef" }, ADMIN), {
    code: "invalid_argument",
    field: "name",
  });
  const stop = { jobId: queued.jobId, stopSignal: "", gracePeriodMs: null };
  await test.hub.stopJob(stop, ADMIN);
  const next = await test.hub.startJob(START, ADMIN);
  assert.notEqual(next.jobId, queued.jobId);
});

Deno.test("The hub knows the names of jobs that a host has started by itself", async () => {
  const own = job({ jobId: v7(), owner: "bob", name: "nightly" });
  const ended = job({ jobId: v7(), owner: "bob", name: "weekly", end: DONE });
  await using test = await openHub(new FakeHost("a", [own, ended]), new FakeHost("b"));
  await until(async () => (await listed(test, {}, BOB)).length === 2);
  await assert.rejects(test.hub.startJob(START, BOB), {
    ...TAKEN,
    message: new RegExp(`job "${own.jobId}" has that name, and is running`),
  });
  assert.equal((await test.hub.startJob({ ...START, name: "weekly" }, BOB)).name, "weekly");
  assert.deepEqual((await listed(test, { name: "nightly" }, BOB)).map(({ jobId }) => jobId), [
    own.jobId,
  ]);
});

Deno.test("Whoever the hub has told of the end of a job may start the next of its name, though the host has not told yet", async () => {
  const ended = ({ jobId }: { jobId: string }) =>
    Promise.resolve(job({ jobId, owner: "alice", name: "nightly", end: DONE }));
  // Its list goes on to say that the first one runs.
  const a = new FakeHost("a", [], { waitJob: ended });
  await using test = await openHub(a);
  const on = { host: "", labels: { role: "web" } };
  const first = await test.hub.startJob({ ...START, on }, ADMIN);
  assert.deepEqual(first.on, on);
  await assert.rejects(test.hub.startJob(START, ADMIN), TAKEN);
  const told = await test.hub.waitJob({ jobId: first.jobId }, ADMIN);
  assert.deepEqual([told.end?.status, told.host, told.on], ["done", "a", on]);
  const second = await test.hub.startJob(START, ADMIN);
  // Anywhere is a choice, too: of a job that a host has started by itself none is known.
  assert.deepEqual(second.on, { host: "", labels: {} });
  const found = await listed(test, { name: "nightly" });
  assert.deepEqual(found.map(({ jobId, on }) => [jobId, on]), [
    [second.jobId, second.on],
    [first.jobId, on],
  ]);
});
