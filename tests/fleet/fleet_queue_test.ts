/** Jobs that wait at the hub, and what becomes of those that hosts were given. */

import { JOB_REMOVED, JobWorkerError } from "../../lib/errors.ts";
import { silent } from "../../lib/fleet/unanswered.ts";
import { queueText, statusText } from "../../lib/job/job_words.ts";
import { type Job, statusOf } from "../../lib/job/types.ts";
import type { StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { job } from "../executor/job_fixture.ts";
import { ADMIN, contextOf, TRUE, wholeLog } from "../service/fixture.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { FakeHost, openHub, openHubIn, type TestHub } from "./fake_hosts.ts";

const START: StartJobRequest = { command: TRUE, labels: {}, requestId: "" };
const BOB = contextOf("bob", ["operator"]);
const CAROL = contextOf("carol", ["operator"]);
const FULL = new JobWorkerError("resource_exhausted", "Too many run");

/** Takes all slots of the host. */
async function fill(test: TestHub, host: FakeHost): Promise<readonly string[]> {
  while ((await test.registry.live()).of(host.name) < host.slots) {
    await test.hub.startJob({ ...START, on: { host: host.name, labels: {} } }, ADMIN);
  }
  return host.ids;
}

/** Waits until a job is as it should be. */
async function becomes(
  { hub }: TestHub,
  jobId: string,
  isSo: (job: Job) => boolean,
): Promise<Job> {
  return await until(async () => {
    const job = await hub.getJob({ jobId }, ADMIN);
    return isSo(job) && job;
  });
}

Deno.test("A job for which no host has room is queued, and says why and where it stands", async () => {
  const hosts = ["a", "b", "c"].map((name) => new FakeHost(name));
  await using test = await openHub(...hosts);
  for (const host of hosts) await fill(test, host);
  const queue = (on: NonNullable<StartJobRequest["on"]>, priority = 0) =>
    test.hub.startJob({ ...START, on, priority }, ADMIN);
  const first = await queue({ host: "", labels: { role: "web" } });
  const second = await queue({ host: "", labels: { zone: "mars" } });
  const third = await queue({ host: "d", labels: {} }, -5);
  assert.deepEqual([first, second, third].map(queueText), [
    "1st of 1, since 3 of 3 hosts of role=web are full",
    "2nd of 2, since no host has zone=mars",
    '3rd of 3, since no host is "d"; its priority is -5',
  ]);
  assert.equal(first.host, undefined);
  const seen = await test.hub.listJobs(
    { filter: { statuses: ["queued"] }, pageSize: 0, pageToken: "" },
    ADMIN,
  );
  assert.deepEqual(seen.jobs.map(statusText), ["queued #3", "queued #2", "queued #1"]);
  // A slot that becomes free, and a host that comes with what somebody waits for.
  const [a] = hosts;
  a?.end(a.ids[0] ?? "");
  await becomes(test, first.jobId, (job) => statusOf(job) === "running");
  const mars = new FakeHost("e", [], {}, { zone: "mars" });
  await test.fleet.set([...hosts, mars]);
  await until(() => Promise.resolve(mars.ids.includes(second.jobId)));
  // What was queued stands in the trail of the hub, with what is to be run.
  assert.deepEqual(
    test.audit.taken().filter(({ result, command }) => result === "ok" && command !== null)
      .map(({ jobId, command }) => [jobId, command?.name]),
    [first, second, third].map(({ jobId }) => [jobId, "true"]),
  );
});

Deno.test("The queue goes by priority, then by owners in turn, then by age", async () => {
  const a = new FakeHost("a");
  a.slots = 1;
  await using test = await openHub(a);
  await fill(test, a);
  const queue = async (context: typeof BOB, priority = 0) =>
    (await test.hub.startJob({ ...START, priority }, context)).jobId;
  const low = await queue(BOB, -1);
  const bobs = [await queue(BOB), await queue(BOB), await queue(BOB)];
  const carols = [await queue(CAROL), await queue(CAROL)];
  const urgent = await queue(ADMIN, 5);
  const expected = [urgent, bobs[0], carols[0], bobs[1], carols[1], bobs[2], low];
  const positions = await test.registry.queue.positions();
  const inOrder = [...positions.keys()];
  assert.deepEqual(inOrder, expected);
  for (let index = 0; index < expected.length; index++) {
    a.end(a.ids.at(-1) ?? "");
    await until(() => Promise.resolve(a.ids.length === index + 2));
  }
  assert.deepEqual(a.ids.slice(1), expected);
  await assert.rejects(queue(BOB, 1), { code: "permission_denied", field: "priority" });
});

Deno.test("A queued job can be stopped, waited for and followed, and is as on a single host", async () => {
  const nothing = { jobs: [], count: 0, bytes: 0 };
  const a = new FakeHost("a", [], { pruneJobs: () => Promise.resolve(nothing) });
  await using test = await openHub(a);
  await fill(test, a);
  const { hub } = test;
  const { jobId } = await hub.startJob(START, BOB);
  const log = hub.streamLogs({ ...wholeLog(jobId), follow: true }, BOB)[Symbol.asyncIterator]();
  const { value: first } = await log.next();
  assert.deepEqual(first, { records: [], nextOffset: 0, finishedJob: null });
  const rest = log.next();
  const waiting = hub.waitJob({ jobId }, BOB);
  const page = await hub.getLogs({ jobId, streams: [], offset: 0, maxBytes: 0 }, BOB);
  assert.deepEqual([page.end, page.endOffset, page.exitStatus], [true, 0, null]);
  const queued = { code: "failed_precondition", message: /it is queued, and has no process yet/ };
  await assert.rejects(hub.signalJob({ jobId, signal: "HUP" }, BOB), queued);
  const input = { jobId, offset: 0, data: new Uint8Array(), end: true };
  await assert.rejects(hub.writeInput(input, BOB), queued);
  assert.equal((await hub.updateJob({ jobId, timeoutMs: 5_000 }, BOB)).execution.timeoutMs, 5_000);
  const stop = { jobId, stopSignal: "", gracePeriodMs: null };
  await assert.rejects(hub.stopJob(stop, CAROL), { code: "not_found" });
  await assert.rejects(hub.getJob({ jobId }, CAROL), { code: "not_found" });
  const stopped = await hub.stopJob(stop, BOB);
  assert.deepEqual([stopped.end?.status, stopped.end?.reason], ["cancelled", "stopped"]);
  assert.deepEqual((await waiting).end, stopped.end);
  assert.deepEqual((await rest).value?.finishedJob?.end, stopped.end);
  await assert.rejects(hub.stopJob(stop, BOB), /it has already ended \(cancelled\)/);
  const prune = (owner: string) => hub.pruneJobs({ maxCount: 0, dryRun: false, owner }, BOB);
  assert.equal((await prune("carol")).count, 0);
  const pruned = await prune("");
  assert.deepEqual([pruned.count, pruned.jobs.map((each) => each.jobId)], [1, [jobId]]);
  await assert.rejects(hub.getJob({ jobId }, BOB), { code: "not_found" });
  assert.ok(!a.ids.includes(jobId));
});

Deno.test("A changed time limit is that with which a queued job starts", async () => {
  const a = new FakeHost("a");
  await using test = await openHub(a);
  const [running = ""] = await fill(test, a);
  const { jobId } = await test.hub.startJob(START, BOB);
  await test.hub.updateJob({ jobId, timeoutMs: 5_000 }, BOB);
  a.end(running);
  await until(() => Promise.resolve(a.ids.includes(jobId)));
  const placed = a.starts.find((start) => start.jobId === jobId);
  assert.deepEqual(placed?.start.execution, { timeoutMs: 5_000 });
});

Deno.test("A stop that comes while a host is given the job waits for what it answers", async () => {
  const stops: string[] = [];
  const a = new FakeHost("a", [], {
    stopJob: ({ jobId }) => {
      stops.push(jobId);
      return Promise.resolve(job({ jobId }));
    },
  });
  const b = new FakeHost("b");
  await using test = await openHub(a, b);
  await fill(test, b);
  const answer = Promise.withResolvers<Job>();
  a.start = () => answer.promise;
  const starting = test.hub.startJob(START, BOB);
  await until(() => Promise.resolve(a.ids.length === 1));
  const [jobId = ""] = a.ids;
  const stop = test.hub.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, BOB);
  assert.deepEqual(stops, []);
  answer.resolve(job({ jobId, owner: "bob" }));
  assert.equal((await starting).host, "a");
  assert.equal((await stop).jobId, jobId);
  assert.deepEqual(stops, [jobId]);
  // If the host has not taken it, it is taken out of the queue.
  const refusal = Promise.withResolvers<Job>();
  a.start = () => refusal.promise;
  const next = test.hub.startJob(START, BOB);
  await until(() => Promise.resolve(a.ids.length === 2));
  const stopping = test.hub.stopJob(
    { jobId: a.ids[1] ?? "", stopSignal: "", gracePeriodMs: null },
    BOB,
  );
  refusal.reject(FULL);
  assert.equal(statusOf(await next), "queued");
  assert.equal((await stopping).end?.reason, "stopped");
});

Deno.test("What waits, and what was given to a host, outlives the hub, and no secret is in its registry", async () => {
  await using directory = await temporaryDirectory();
  const secret = `secret-${crypto.randomUUID()}`;
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  let [waiting, given] = ["", ""];
  {
    await using test = await openHubIn(directory.path, [a, b]);
    await fill(test, b);
    a.start = () => Promise.reject(silent('Host "a" has not answered'));
    given = (await test.hub.startJob(START, BOB)).jobId;
    a.start = ({ jobId }) => Promise.resolve(job({ jobId }));
    a.slots = 1;
    const command = { ...TRUE, env: { TOKEN: secret } };
    const queued = await test.hub.startJob({ ...START, command, requestId: "once" }, BOB);
    assert.deepEqual(queued.command.env, { TOKEN: "***" });
    waiting = queued.jobId;
    a.start = () => Promise.reject(silent('Host "a" has not answered'));
  }
  for await (const { name } of Deno.readDir(directory.path)) {
    const bytes = await Deno.readFile(`${directory.path}/${name}`);
    assert.ok(!new TextDecoder("latin1").decode(bytes).includes(secret), name);
  }
  const before = a.ids.length;
  await using test = await openHubIn(directory.path, [a, b]);
  const again = await test.hub.startJob({ ...START, requestId: "once" }, BOB);
  assert.deepEqual([again.jobId, statusOf(again)], [waiting, "queued"]);
  a.start = ({ jobId }) => Promise.resolve(job({ jobId }));
  await becomes(test, given, (job) => statusOf(job) === "running");
  assert.deepEqual(new Set(a.ids.slice(before)), new Set([given]));
  a.end(given);
  await until(() => Promise.resolve(a.ids.includes(waiting)));
  const placed = a.starts.find(({ jobId }) => jobId === waiting);
  assert.deepEqual(placed?.start.command.env, { TOKEN: secret });
  // For whom it was asked for, as they were then.
  assert.deepEqual(placed?.caller, BOB.caller);
});

Deno.test("A start that a host has not answered goes nowhere else, and says that it is not known", async () => {
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(a, b);
  a.start = () => Promise.reject(silent('Host "a" has not answered'));
  const on = { host: "a", labels: {} };
  const started = await test.hub.startJob({ ...START, on, requestId: "once" }, BOB);
  const { jobId } = started;
  assert.deepEqual([statusText(started), started.host], ["queued", "a"]);
  assert.equal(
    queueText(started),
    'its turn has come: host "a" was given it, and whether it runs there is unknown: Host "a" has not answered',
  );
  test.presence.silent("a", "nobody answers");
  const unknown = await becomes(test, jobId, (job) => job.asOf !== undefined);
  assert.match(queueText(unknown), /whether it runs there is unknown/);
  const stop = { jobId, stopSignal: "", gracePeriodMs: null };
  await assert.rejects(test.hub.stopJob(stop, BOB), { code: "unavailable" });
  // Nor does a later refusal prove that an earlier call does not come.
  a.start = () => Promise.reject(FULL);
  a.drop();
  test.fleet.beat("a", "another life");
  const calls = a.ids.length;
  await until(() => Promise.resolve(a.ids.length > calls + 1));
  a.start = ({ jobId }) => Promise.resolve(job({ jobId, owner: "bob" }));
  const running = await becomes(test, jobId, (job) => statusOf(job) === "running");
  assert.equal(running.host, "a");
  assert.deepEqual([new Set(a.ids).size, b.ids.length], [1, 0]);
});

Deno.test("A start whose answer was lost with a connection is asked about once more before anybody is told", async () => {
  const a = new FakeHost("a");
  await using test = await openHub(a);
  let calls = 0;
  a.start = ({ jobId }) =>
    ++calls === 1
      ? Promise.reject(silent('Host "a" has not answered'))
      : Promise.resolve(job({ jobId, owner: "bob" }));
  const started = await test.hub.startJob(START, BOB);
  assert.deepEqual([statusOf(started), calls, new Set(a.ids).size], ["running", 2, 1]);
});

Deno.test("A refusal counts once no earlier call can come any more, and until then the host has the job", async () => {
  await using directory = await temporaryDirectory();
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHubIn(directory.path, [a, b], { mayComeMs: 300 });
  const answers = [silent('Host "a" has not answered'), FULL, FULL, FULL, FULL, FULL, FULL];
  const askedAt: number[] = [];
  a.start = () => {
    askedAt.push(performance.now());
    return Promise.reject(answers.shift() ?? FULL);
  };
  const started = await test.hub.startJob({ ...START, on: { host: "", labels: {} } }, BOB);
  assert.equal(started.host, "a");
  await until(() => Promise.resolve(b.ids.length === 1));
  assert.deepEqual(b.ids, [started.jobId]);
  assert.ok((askedAt.at(-1) ?? 0) - (askedAt[0] ?? 0) >= 300, "It went elsewhere too soon");
});

Deno.test("A start that may not wait does not, also if its host has no room when it answers at last", async () => {
  await using directory = await temporaryDirectory();
  const a = new FakeHost("a");
  await using test = await openHubIn(directory.path, [a], { mayComeMs: 100 });
  a.start = () => Promise.reject(silent('Host "a" has not answered'));
  const { jobId } = await test.hub.startJob({ ...START, queue: false }, BOB);
  a.start = () => Promise.reject(FULL);
  const { end } = await becomes(test, jobId, (job) => statusOf(job) === "failed");
  assert.deepEqual([end?.reason, end?.detail], ["start_failed", 'host "a": Too many run']);
  // Whoever is still there is told so.
  await assert.rejects(test.hub.startJob({ ...START, queue: false }, CAROL), FULL);
  assert.equal((await test.registry.queue.positions()).size, 0);
});

Deno.test("What a host cannot do for the moment it is asked again, and told of as queued", async () => {
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHub(a, b);
  const answers = ["The daemon is shutting down", "Cannot write the audit trail"];
  a.start = ({ jobId }) => {
    const message = answers.shift();
    if (message === undefined) return Promise.resolve(job({ jobId, owner: "bob" }));
    return Promise.reject(new JobWorkerError("unavailable", message));
  };
  const { jobId, host } = await test.hub.startJob(START, BOB);
  assert.equal(host, "a");
  await becomes(test, jobId, (job) => statusOf(job) === "running");
  assert.deepEqual([a.ids, b.ids], [[jobId, jobId, jobId], []]);
});

Deno.test("A job that has waited and cannot be started has failed, and says why", async () => {
  const a = new FakeHost("a");
  await using test = await openHub(a);
  for (
    const [error, reason, detail] of [
      [
        new JobWorkerError("failed_precondition", "No such program"),
        "start_failed",
        'host "a": No such program',
      ],
      [
        new JobWorkerError("failed_precondition", "It was here", { reason: JOB_REMOVED }),
        "lost",
        'host "a": It was here',
      ],
    ] as const
  ) {
    a.start = ({ jobId }) => Promise.resolve(job({ jobId }));
    await fill(test, a);
    const { jobId } = await test.hub.startJob(START, BOB);
    a.start = () => Promise.reject(error);
    const live = await test.registry.list({ statuses: ["running"] }, { limit: 1 });
    a.end(live[0]?.job.jobId ?? "");
    const ended = await test.hub.waitJob({ jobId }, BOB);
    assert.deepEqual([ended.end?.status, ended.end?.reason, ended.end?.detail], [
      "failed",
      reason,
      detail,
    ]);
  }
});

Deno.test("A job of somebody whose certificate was revoked meanwhile does not start", async () => {
  await using directory = await temporaryDirectory();
  const a = new FakeHost("a");
  let denied = "";
  await using test = await openHubIn(directory.path, [a], {
    isDenied: ({ identity }) => identity.user === denied,
  });
  const [running = ""] = await fill(test, a);
  const { jobId } = await test.hub.startJob(START, BOB);
  denied = "bob";
  a.end(running);
  const { end } = await test.hub.waitJob({ jobId }, ADMIN);
  assert.deepEqual([end?.status, end?.reason], ["failed", "start_failed"]);
  assert.match(end?.detail ?? "", /^The certificate with which user "bob" .* was revoked/);
  assert.ok(!a.ids.includes(jobId));
});

Deno.test("What is to run again does so once its host is lost, and nothing else does", async () => {
  await using directory = await temporaryDirectory();
  const [a, b] = [new FakeHost("a"), new FakeHost("b")];
  await using test = await openHubIn(directory.path, [a], { lostAfterMs: 200 });
  const start = (more: Partial<StartJobRequest>) => test.hub.startJob({ ...START, ...more }, BOB);
  const stays = await start({});
  const again = await start({ ifHostLost: "rerun" });
  await test.fleet.set([a, b]);
  await until(() => Promise.resolve(test.presence.isOnline("b")));
  test.presence.silent("a", "its power is off");
  a.drop();
  // It must not come back by itself.
  a.service.changes = () => Promise.reject(silent("Its power is off"));
  test.presence.silent("a", "its power is off");
  await until(() => Promise.resolve(b.ids.length === 1));
  assert.deepEqual(b.ids, [again.jobId]);
  const moved = await becomes(test, again.jobId, (job) => statusOf(job) === "running");
  assert.equal(moved.host, "b");
  assert.equal((await test.hub.getJob({ jobId: stays.jobId }, BOB)).host, "a");
  // Once it has ended, it stays so.
  b.end(again.jobId);
  await becomes(test, again.jobId, (job) => job.end !== null);
  await until(async () => await test.registry.queue.get(again.jobId) === undefined);
});

Deno.test("As many jobs wait as may, in all and of one owner", async () => {
  await using directory = await temporaryDirectory();
  const a = new FakeHost("a");
  await using test = await openHubIn(directory.path, [a], { maxQueued: 3, maxQueuedPerUser: 2 });
  await fill(test, a);
  await test.hub.startJob(START, BOB);
  await test.hub.startJob(START, BOB);
  await assert.rejects(test.hub.startJob(START, BOB), {
    code: "resource_exhausted",
    message: /^Cannot queue the job: user "bob" already has as many .* as one user may, 2/,
  });
  await test.hub.startJob(START, CAROL);
  await assert.rejects(test.hub.startJob(START, CAROL), /as many jobs are in the queue as may, 3/);
  assert.equal((await test.registry.queue.positions()).size, 3);
});
