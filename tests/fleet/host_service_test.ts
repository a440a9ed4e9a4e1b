/** The real service of a host behind its door, called from a hub. */

import { v7 } from "uuid";
import { isUnanswered } from "../../lib/fleet/unanswered.ts";
import type { JobService } from "../../lib/service/job_service.ts";
import { JOB_METHODS } from "../../lib/service/methods.ts";
import { concat } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";
import { seeded } from "../random.ts";
import { ADMIN, contextOf, TestService, TRUE, wholeLog } from "../service/fixture.ts";
import { until } from "../worker/fixture.ts";
import { failureOf, HUB, TestFleet, timedOut } from "./fixture.ts";

/** The methods of a service, to be handed on. */
function methodsOf(service: JobService): JobService {
  return Object.fromEntries(
    JOB_METHODS.map((method) => [method, service[method].bind(service)]),
  ) as unknown as JobService;
}

const OLGA = contextOf("olga", ["operator"]);
const OTTO = contextOf("otto", ["operator"]);

Deno.test("A host decides for the caller by its own rules, and writes who that was and by which hub", async () => {
  await using host = await TestService.open();
  await using fleet = new TestFleet(methodsOf(host.service));
  const { client } = fleet;
  const command = { ...TRUE, name: "sleep", args: ["100"] };
  const request = { command, labels: {}, requestId: "" };
  const { jobId, owner } = await client.startJob(request, OLGA);
  assert.equal(owner, "olga");
  const hidden = await failureOf(client.getJob({ jobId }, OTTO));
  assert.deepEqual([hidden.code, hidden.message], ["not_found", `No job "${jobId}"`]);
  const stop = { jobId, stopSignal: "SIGKILL", gracePeriodMs: null };
  await client.stopJob(stop, ADMIN);
  const said = host.audit.entries.map(({ caller, method, decision, result }) => {
    const { identity: { user, roles }, fingerprint, peer, via } = caller;
    return { user, roles, fingerprint, peer, via, method, decision, result };
  });
  const by = ({ caller }: typeof ADMIN) => ({
    ...caller.identity,
    fingerprint: caller.fingerprint,
    peer: caller.peer,
    via: HUB.name,
  });
  assert.deepEqual(said, [
    { ...by(OLGA), method: "startJob", decision: "allowed", result: "ok" },
    { ...by(OTTO), method: "getJob", decision: "denied", result: "not_found" },
    { ...by(ADMIN), method: "stopJob", decision: "allowed", result: "ok" },
  ]);
});

Deno.test("A start whose answer is lost makes one job, under the id that the hub gives", async () => {
  await using host = await TestService.open();
  await using fleet = new TestFleet(methodsOf(host.service), {
    placeJob: (request, context) => host.service.placeJob(request, context),
  });
  await fleet.client.reach(ADMIN);
  let answers = 0;
  fleet.carry = async ({ method, bytes }, deliver) => {
    const answer = await deliver(method, bytes);
    if (++answers <= 2) throw timedOut();
    return answer;
  };
  const jobId = v7();
  const request = { jobId, start: { command: TRUE, labels: {}, requestId: "" } };
  for (let call = 0; call < 2; call++) {
    assert.ok(isUnanswered(await failureOf(fleet.client.placeJob(request, ADMIN))));
  }
  assert.equal((await fleet.client.placeJob(request, ADMIN)).jobId, jobId);
  const invalid = { ...request, jobId: "../../etc" };
  await assert.rejects(fleet.client.placeJob(invalid, ADMIN), { code: "invalid_argument" });
  const { jobs } = await host.service.listJobs({ filter: {}, pageSize: 0, pageToken: "" }, ADMIN);
  assert.deepEqual(jobs.map((job) => job.jobId), [jobId]);
});

Deno.test("The log of a running job arrives whole and once through losses and restarts", async () => {
  const random = seeded("fleet service");
  await using host = await TestService.open();
  await using fleet = new TestFleet(methodsOf(host.service), { door: { pageWaitMs: 20 } });
  const script = "for n in $(seq 40); do seq $n $((n * 50)); sleep 0.02; done";
  const command = { ...TRUE, name: "sh", args: ["-c", script] };
  const request = { command, labels: {}, requestId: "" };
  const { jobId } = await fleet.client.startJob(request, ADMIN);
  let calls = 0;
  fleet.carry = async ({ method, bytes }, deliver) => {
    if (++calls % 10 === 5) await fleet.restart();
    if (random() < 0.15) throw timedOut();
    const answer = await deliver(method, bytes);
    if (random() < 0.15) throw timedOut();
    return answer;
  };
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const follow = { ...wholeLog(jobId), follow: true };
  for await (const { records } of fleet.client.streamLogs(follow, ADMIN)) {
    parts.push(...records.map(({ data }) => data));
  }
  const whole = await host.service.getLogs(
    { jobId, streams: [], offset: 0, maxBytes: 0 },
    ADMIN,
  );
  assert.ok(whole.end);
  assert.ok(whole.stdout.byteLength > 40_000);
  assert.deepEqual(concat(parts), new Uint8Array(whole.stdout));
});

Deno.test("A log that is followed for long is one line of the audit trail", async () => {
  await using host = await TestService.open();
  await using fleet = new TestFleet(methodsOf(host.service), { door: { pageWaitMs: 5 } });
  const { jobId } = await host.running("alice");
  const follow = { ...wholeLog(jobId), follow: true };
  const both = [
    Array.fromAsync(fleet.client.streamLogs(follow, ADMIN)),
    fleet.client.waitJob({ jobId }, ADMIN),
  ];
  const calls = (name: string) => fleet.carried.filter(({ method }) => method === name).length;
  await until(() => Promise.resolve(calls("streamLogs") > 10 && calls("waitJob") > 10));
  await host.worker.worker.stop(jobId);
  await Promise.all(both);
  const methods = host.audit.entries.map(({ method }) => method);
  assert.deepEqual(methods.toSorted(), ["streamLogs", "waitJob"]);
});
