/** Hubs that share a registry: what one was asked, another answers for. */

import { JobWorkerError } from "../../lib/errors.ts";
import { OtherHubs } from "../../lib/fleet/other_hubs.ts";
import { silent } from "../../lib/fleet/unanswered.ts";
import { type Job, statusOf } from "../../lib/job/types.ts";
import type { StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { job } from "../executor/job_fixture.ts";
import { contextOf, TRUE } from "../service/fixture.ts";
import { until } from "../worker/fixture.ts";
import { FakeHost, openHubOn, type TestHub } from "./fake_hosts.ts";
import { postgresTest } from "./postgres_server.ts";
import { createDatabase, openPostgres, postgresServer } from "./registries.ts";

const START: StartJobRequest = { command: TRUE, labels: {}, requestId: "" };
const BOB = contextOf("bob", ["operator"]);

/** A hub of several. */
async function openShared(
  url: string,
  ...hosts: readonly FakeHost[]
): Promise<TestHub & { readonly told: readonly string[] }> {
  await using resources = new AsyncDisposableStack();
  const told: string[] = [];
  const others = new OtherHubs({
    lookEveryMs: 50,
    onAway: (error) => void told.push(error === null ? "back" : "away"),
    onFault: (error) => void told.push(String(error)),
  });
  const registry = await openPostgres(url, {
    onNotice: (notice) => others.noticed(notice),
    onMissed: () => others.missed(),
  });
  const opened = resources.use(await openHubOn(registry, hosts, { mayComeMs: 100 }));
  resources.use(others);
  others.follow(opened.fleet, opened.queue);
  const held = resources.move();
  return { ...opened, told, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

postgresTest("What was started at one hub is seen, waited for and stopped at another", async () => {
  const url = await createDatabase();
  const [a, same] = [new FakeHost("a"), new FakeHost("a")];
  await using one = await openShared(url, a);
  await using other = await openShared(url, same);
  const seen: string[] = [];
  const leaving = new AbortController();
  const watching = (async () => {
    const context = contextOf("bob", ["operator"], leaving.signal);
    for await (const job of other.hub.watchJobs({ filter: {} }, context)) seen.push(statusOf(job));
  })();
  const running = await one.hub.startJob(START, BOB);
  await until(() => Promise.resolve(seen.includes("running")));
  assert.equal(
    (await other.hub.listJobs({ filter: {}, pageSize: 0, pageToken: "" }, BOB)).jobs[0]
      ?.jobId,
    running.jobId,
  );
  await one.hub.startJob(START, BOB);
  const { jobId } = await one.hub.startJob(START, BOB);
  const place = (await other.hub.getJob({ jobId }, BOB)).queue;
  assert.deepEqual([place?.position, place?.reason], [1, "1 of 1 host is full"]);
  const waiting = one.hub.waitJob({ jobId }, BOB);
  const stopped = await other.hub.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, BOB);
  assert.deepEqual((await waiting).end, stopped.end);
  await until(() => Promise.resolve(seen.includes("cancelled")));
  leaving.abort(new Error("left"));
  await assert.rejects(watching, /left/);
});

postgresTest("A job that waits at one hub goes to a host that another has room at", async () => {
  const url = await createDatabase();
  const a = new FakeHost("a");
  // As if it had no way to NATS.
  await using one = await openShared(url);
  await using _other = await openShared(url, a);
  const { jobId } = await one.hub.startJob(START, BOB);
  await until(() => Promise.resolve(a.ids.includes(jobId)));
  assert.deepEqual(a.ids, [jobId]);
  a.end(jobId);
  await until(async () => (await one.registry.get(jobId))?.job.end?.status === "done");
});

postgresTest("What a hub has left unanswered another goes on with, at the same host", async () => {
  const url = await createDatabase();
  const [a, same] = [new FakeHost("a"), new FakeHost("a")];
  await using other = await openShared(url, same);
  let jobId = "";
  {
    await using one = await openShared(url, a);
    a.start = () => Promise.reject(silent('Host "a" has not answered'));
    ({ jobId } = await one.hub.startJob(START, BOB));
    const { queue, host } = await other.hub.getJob({ jobId }, BOB);
    assert.deepEqual([queue?.position, host], [0, "a"]);
    // It may be at the host already, so that a refusal is none for as long as a call may still come.
    same.start = () => Promise.reject(new JobWorkerError("resource_exhausted", "Too many run"));
  }
  await until(() => Promise.resolve(same.ids.includes(jobId)));
  same.start = ({ jobId }) => Promise.resolve(job({ jobId, owner: "bob" }));
  const runs = (job: Job) => statusOf(job) === "running" && job.host === "a";
  await until(async () => runs(await other.hub.getJob({ jobId }, BOB)));
});

postgresTest(
  "A start that is repeated at another hub waits for the answer of its host",
  async () => {
    const url = await createDatabase();
    const [a, same] = [new FakeHost("a"), new FakeHost("a")];
    await using one = await openShared(url, a);
    await using other = await openShared(url, same);
    const refused = new JobWorkerError("not_found", "No such program");
    same.start = () => Promise.reject(refused);
    const outcomes: Record<string, FakeHost["start"]> = {
      running: ({ jobId }) => Promise.resolve(job({ jobId, owner: "bob" })),
      [refused.message]: () => Promise.reject(refused),
    };
    for (const [outcome, answer] of Object.entries(outcomes)) {
      const asked = Promise.withResolvers<void>();
      const mayAnswer = Promise.withResolvers<void>();
      a.start = async (request) => {
        asked.resolve();
        await mayAnswer.promise;
        return await answer(request);
      };
      const request = { ...START, requestId: outcome };
      const first = one.hub.startJob(request, BOB);
      await asked.promise;
      const looked = Promise.withResolvers<void>();
      const get = other.registry.queue.get.bind(other.registry.queue);
      other.registry.queue.get = async (jobId) => {
        const entry = await get(jobId);
        looked.resolve();
        return entry;
      };
      const repeated = other.hub.startJob(request, BOB);
      await looked.promise;
      mayAnswer.resolve();
      const answers = await Promise.allSettled([first, repeated]);
      assert.deepEqual(
        answers.map((each) =>
          each.status === "fulfilled" ? statusOf(each.value) : each.reason.message
        ),
        [outcome, outcome],
      );
    }
    assert.equal(new Set(a.ids).size, a.ids.length);
  },
);

postgresTest("Hubs say so while the database is away, and go on when it is back", async () => {
  const url = await createDatabase();
  const server = await postgresServer();
  const a = new FakeHost("a");
  await using test = await openShared(url, a);
  const { jobId } = await test.hub.startJob(START, BOB);
  const waiting = test.hub.waitJob({ jobId }, BOB).catch(() => null);
  await server.kill();
  await assert.rejects(test.hub.getJob({ jobId }, BOB), {
    code: "unavailable",
    message: /^The registry at 127\.0\.0\.1:\d+ cannot be used: /,
  });
  await assert.rejects(test.hub.startJob(START, BOB), { code: "unavailable" });
  await until(() => Promise.resolve(test.told.includes("away")));
  // That says nothing of the hosts.
  assert.equal(test.fleet.isOnline("a"), true);
  await server.restart();
  await until(() => Promise.resolve(test.told.includes("back")));
  const next = await test.hub.startJob(START, BOB);
  a.end(jobId, next.jobId);
  await until(async () => (await test.hub.getJob({ jobId: next.jobId }, BOB)).end !== null);
  await waiting;
  // Once each, however often it was tried.
  assert.deepEqual(test.told, ["away", "back"]);
});
