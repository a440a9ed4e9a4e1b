/** The client of REST and a real daemon: what a job goes through, from its start to its removal. */

import { RestClient } from "../../lib/rest/client.ts";
import type { Job } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { PASSWORD, startRestDaemon } from "./real_daemon.ts";

const rest = await startRestDaemon();
Deno.test.afterAll(async () => await rest[Symbol.asyncDispose]());

function clientOf(user = "alice"): RestClient {
  return new RestClient({
    address: rest.restAddress,
    ca: rest.certificates.ca.cert,
    credentials: { user, password: PASSWORD },
  });
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("A job that reads its input is fed, followed, watched and waited for over REST", async () => {
  using client = clientOf();
  const labels = { test: "input" };
  const watching = new AbortController();
  const watch = client.watchJobs({ filter: { labels } }, { signal: watching.signal });
  const { jobId } = await client.startJob({
    command: { name: "cat", env: { A: "1" } },
    labels,
    execution: { hasInput: true, timeoutMs: 600_000 },
  });
  const log = Array.fromAsync(client.streamLogs({ jobId, follow: true }));
  const input = { jobId, offset: 0, data: bytes("one\n"), end: false };
  assert.deepEqual(await client.writeInput(input), { accepted: 4 });
  // What was written already is skipped.
  assert.deepEqual(await client.writeInput(input), { accepted: 4 });
  assert.equal((await client.updateJob({ jobId, timeoutMs: 0 })).execution.timeoutMs, 0);
  const waiting = client.waitJob({ jobId });
  await client.writeInput({ jobId, offset: 4, data: bytes("two\n"), end: true });
  const job = await waiting;
  assert.deepEqual(job.end?.exitStatus, { code: 0 });
  const batches = await log;
  const printed = batches.flatMap(({ records }) => records.map(({ data }) => data));
  assert.equal(await new Blob(printed).text(), "one\ntwo\n");
  assert.deepEqual(batches.at(-1)?.finishedJob, await client.getJob({ jobId }));
  const page = await client.getLogs({ jobId, offset: 4 });
  assert.equal(new TextDecoder().decode(page.stdout), "two\n");
  assert.deepEqual(page.exitStatus, { code: 0 });

  let seen: Job | undefined;
  while (seen?.end?.status !== "done") {
    seen = (await soon(watch.next(), () => "the end of the job to be told")).value;
    assert.equal(seen?.jobId, jobId);
  }
  watching.abort(new Error("enough"));
  await assert.rejects(watch.next(), /^Error: enough$/);
});

Deno.test("A job is signalled, stopped and removed over REST", async () => {
  using client = clientOf();
  const labels = { test: "signal" };
  const script = 'trap "echo told" HUP; echo ready; while :; do sleep 0.05; done';
  const { jobId } = await client.startJob({
    command: { name: "sh", args: ["-c", script] },
    labels,
  });
  const log = client.streamLogs({ jobId, follow: true });
  let text = "";
  const saysSo = async (word: string) => {
    while (!text.includes(word)) {
      const { value } = await log.next();
      for (const { data } of value?.records ?? []) text += new TextDecoder().decode(data);
    }
  };
  await soon(saysSo("ready"), () => "the job to be ready");
  await client.signalJob({ jobId, signal: "HUP" });
  await soon(saysSo("told"), () => "the job to be signalled");
  const stopped = await client.stopJob({ jobId, stopSignal: "KILL" });
  assert.equal(stopped.end?.reason, "stopped");
  await log.return(undefined);
  const isListed = async () => (await client.listJobs({ filter: { labels } })).jobs.length > 0;
  const { count } = await client.pruneJobs({ maxCount: 0, dryRun: true });
  assert.ok(count >= 1 && await isListed());
  await client.pruneJobs({ maxCount: 0 });
  assert.equal(await isListed(), false);
  await assert.rejects(client.getJob({ jobId }), { code: "not_found" });
});

Deno.test("REST refuses whom gRPC would refuse", async () => {
  using viewer = clientOf("victor");
  using operator = clientOf();
  const { jobId } = await operator.startJob({ command: { name: "true" } });
  const denied = { code: "permission_denied" };
  await assert.rejects(viewer.signalJob({ jobId, signal: "HUP" }), denied);
  await assert.rejects(viewer.updateJob({ jobId, timeoutMs: 0 }), denied);
  await assert.rejects(viewer.pruneJobs({ maxCount: 0 }), denied);
  // So much is not read of whom it is refused.
  for (const length of [0, 1_000_000]) {
    const input = { jobId, offset: 0, data: new Uint8Array(length), end: true };
    await assert.rejects(viewer.writeInput(input), denied);
  }
  await assert.rejects(operator.streamAudit().next(), denied);
  assert.equal((await viewer.waitJob({ jobId })).end?.status, "done");
  // A daemon that is no hub has no hosts.
  assert.deepEqual(await viewer.listHosts(), { hosts: [] });
});
