import type { RunEvent } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { ADMIN, TRUE } from "../service/fixture.ts";
import { ManyHosts } from "./many_hosts.ts";

const HOSTS = 40;

Deno.test("Many hosts run a command at once, each of them once, however often it is asked for", async () => {
  await using fleet = await ManyHosts.open(HOSTS);
  const targets = [...fleet.hosts.keys()].map((host) => {
    return { host, requestId: `id:${host}`, jobId: "", offset: 0 };
  });
  const request = { command: TRUE, labels: {}, queue: false, targets };
  const jobs: Record<string, string | undefined>[] = [];
  for (let time = 0; time < 2; time++) {
    const events = new Map<string, RunEvent[]>();
    for await (const answer of fleet.hub.runJobs(request, ADMIN)) {
      for (const event of answer.events) {
        events.set(event.host, [...events.get(event.host) ?? [], event]);
      }
    }
    assert.equal(events.size, HOSTS);
    for (const [started, printed, ended, ...more] of events.values()) {
      assert.equal(printed?.failure, undefined);
      assert.equal(new TextDecoder().decode(printed?.log?.records[0]?.data), "up 3 days\n");
      assert.equal(ended?.log?.finishedJob?.end?.status, "done");
      assert.equal(started?.job?.host, started?.host);
      assert.deepEqual(more, []);
    }
    jobs.push(Object.fromEntries(
      [...events].map(([host, [started]]) => [host, started?.job?.jobId]),
    ));
  }
  assert.deepEqual(jobs[1], jobs[0]);
  assert.equal(new Set(Object.values(jobs[0] ?? {})).size, HOSTS);
  // One call for the start and all of the output, and one for the output of a start that the hub knows.
  assert.equal(fleet.calls.get("placeJob"), HOSTS);
  assert.equal(fleet.calls.get("streamLogs"), HOSTS);
});

Deno.test("A run is refused as a whole by a hub only, and is in no audit trail but those of hosts", async () => {
  await using fleet = await ManyHosts.open(2);
  const target = { host: "web-1", requestId: "1", jobId: "", offset: 0 };
  const request = { command: TRUE, labels: {}, targets: [target] };
  const viewer = {
    ...ADMIN,
    caller: { ...ADMIN.caller, identity: { user: "eve", roles: ["viewer"] } },
  } as const;
  await assert.rejects(Array.fromAsync(fleet.hub.runJobs(request, viewer)), {
    code: "permission_denied",
  });
  assert.deepEqual(fleet.audit.taken().map(({ method, decision }) => [method, decision]), [
    ["runJobs", "denied"],
  ]);
  const twice = { ...request, targets: [target, target] };
  await assert.rejects(Array.fromAsync(fleet.hub.runJobs(twice, ADMIN)), {
    code: "invalid_argument",
    message: /targets.*each host once/,
  });
  fleet.audit.taken();
  await Array.fromAsync(fleet.hub.runJobs(request, ADMIN));
  assert.deepEqual(fleet.audit.taken(), []);
  const away = { ...request, targets: [{ ...target, host: "web-9", requestId: "2" }] };
  const [answer] = await Array.fromAsync(fleet.hub.runJobs(away, ADMIN));
  assert.equal(answer?.events[0]?.failure?.kind, "refused");
  // What the hub decides itself stands in its own, as that of a start does.
  assert.deepEqual(fleet.audit.taken().map(({ method }) => method), ["startJob"]);
  // The id of another host's start is not taken for this one's.
  const elsewhere = { ...request, targets: [{ ...target, host: "web-2" }] };
  const [taken] = await Array.fromAsync(fleet.hub.runJobs(elsewhere, ADMIN));
  assert.equal(taken?.events[0]?.failure?.kind, "refused");
  assert.match(
    taken?.events[0]?.failure?.message ?? "",
    /request id "1" is that of job .* "web-1"/,
  );
  assert.equal(fleet.hosts.get("web-2")?.starts.length, 0);
  fleet.audit.taken();
  const jobIds = ["01890a5d-ac96-774b-bcce-b302099a8057"];
  const { failures } = await fleet.hub.stopJobs(
    { jobIds, stopSignal: "", gracePeriodMs: null },
    ADMIN,
  );
  assert.deepEqual(failures.map(({ jobId, code }) => ({ jobId, code })), [
    { jobId: jobIds[0], code: "not_found" },
  ]);
  assert.deepEqual(fleet.audit.taken().map(({ method }) => method), ["stopJob"]);
});
