import { connect as connectTls } from "node:tls";
import { METRIC_NAMES, METRICS } from "../../lib/metrics/catalogue.ts";
import type { NewJob } from "../../lib/grpc/client.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { Scraped } from "../metrics/scraped.ts";
import { until } from "../worker/fixture.ts";
import { TestDaemon } from "./daemon.ts";

const sh = (script: string): NewJob => ({
  command: { name: "sh", args: ["-c", script] },
});

Deno.test("Whatever happens in a daemon shows in its metrics", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates, {
    args: ["--metrics-address=0", "--rest-address=127.0.0.1:0", "--max-running=1"],
  });
  const [, url = ""] = await until(async () =>
    /serving metrics at (\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/, "A port alone is on the loopback");
  const metrics = new Scraped(url);

  await metrics.scrape();
  const expected = METRIC_NAMES.filter((name) =>
    (METRICS[name].by as readonly string[]).includes("host")
  );
  assert.deepEqual([...metrics.families.keys()], expected);
  for (const name of expected) {
    const { help, type, labels } = METRICS[name];
    const family = metrics.families.get(name);
    assert.deepEqual([family?.help, family?.type], [help, type]);
    for (const sample of family?.samples ?? []) {
      assert.deepEqual(Object.keys(sample.labels).filter((label) => label !== "le"), labels, name);
    }
  }
  for (const process of ["engine", "gateway-0", "executor-0"]) {
    assert.equal(metrics.of("job_worker_process_up", { process }), 1, process);
    assert.ok(metrics.of("job_worker_process_resident_memory_bytes", { process }) > 1e6, process);
  }
  assert.equal(metrics.of("job_worker_build_info"), 1);
  assert.ok(Math.abs(metrics.of("job_worker_start_time_seconds") - Date.now() / 1000) < 600);
  assert.equal(metrics.of("job_worker_jobs_limit", { status: "running" }), 1);
  assert.equal(metrics.of("job_worker_jobs_limit", { status: "queued" }), 10_000);

  await daemon.withClient(async (client) => {
    const flushed = metrics.of("job_worker_flush_duration_seconds_count", { process: "engine" });
    const { jobId } = await client.startJob(sh("echo out; echo err >&2; exit 3"));
    await client.waitJob({ jobId });
    const log = await Array.fromAsync(client.streamLogs({
      jobId,
      start: { kind: "offset", offset: 0 },
      streams: [],
      follow: false,
    }));
    assert.equal(log.at(-1)?.finishedJob?.end?.status, "failed");
    await client.getLogs({ jobId });
    await metrics.reaches("job_worker_jobs_ended_total", { status: "failed", reason: "exited" }, 1);
    assert.equal(metrics.of("job_worker_jobs_started_total"), 1);
    assert.equal(metrics.of("job_worker_start_duration_seconds_count"), 1);
    assert.ok(metrics.of("job_worker_start_duration_seconds_sum") > 0);
    for (const stream of ["stdout", "stderr"]) {
      const labels = { process: "executor-0", stream };
      assert.equal(metrics.of("job_worker_log_written_bytes_total", labels), 4);
    }
    assert.ok(metrics.of("job_worker_log_read_bytes_total") >= 16);
    for (const process of ["engine", "executor-0"]) {
      const labels = { process };
      assert.ok(metrics.of("job_worker_flush_duration_seconds_count", labels) > 0, process);
      assert.equal(metrics.of("job_worker_flush_failures_total", labels), 0);
    }
    const engine = { process: "engine" };
    assert.ok(metrics.of("job_worker_flush_duration_seconds_count", engine) > flushed);
    for (const method of ["startJob", "waitJob", "streamLogs", "getLogs"]) {
      assert.equal(metrics.of("job_worker_calls_total", { method, code: "ok" }), 1, method);
      assert.equal(metrics.of("job_worker_calls_in_progress", { method }), 0, method);
    }
    assert.equal(metrics.of("job_worker_connections_accepted_total"), 1);
    // Now and then the gateway connects to itself.
    await metrics.reaches("job_worker_connections", { api: "grpc" }, 1);

    await assert.rejects(client.startJob({ command: { name: "/nowhere", args: [] } }));
    await metrics.reaches(
      "job_worker_calls_total",
      { method: "startJob", code: "failed_precondition" },
      1,
    );

    // Followers, the queue, and what was printed by a job that still runs.
    const first = await client.startJob(sh("echo hi; exec sleep 1000"));
    const waiting = await client.startJob({ ...sh("exit 0"), queue: true });
    const leaving = new AbortController();
    const following = Array.fromAsync(client.streamLogs({
      jobId: first.jobId,
      start: { kind: "offset", offset: 0 },
      streams: [],
      follow: true,
    }, { signal: leaving.signal })).catch(() => {});
    await metrics.reaches("job_worker_calls_in_progress", { method: "streamLogs" }, 1);
    await metrics.reaches("job_worker_log_written_bytes_total", { stream: "stdout" }, 7);
    assert.equal(metrics.of("job_worker_jobs", { status: "running" }), 1);
    assert.equal(metrics.of("job_worker_jobs", { status: "queued" }), 1);
    assert.equal(metrics.of("job_worker_jobs_queued_total"), 1);
    assert.equal(metrics.of("job_worker_start_duration_seconds_count"), 2, "One had to wait");
    leaving.abort();
    await following;
    await metrics.reaches("job_worker_calls_in_progress", { method: "streamLogs" }, 0);
    const left = { method: "streamLogs", code: "cancelled" };
    assert.equal(metrics.of("job_worker_calls_total", left), 1);
    await client.stopJob({ jobId: first.jobId });
    await client.waitJob({ jobId: waiting.jobId });
    await metrics.reaches("job_worker_jobs_ended_total", { status: "done", reason: "exited" }, 1);
    const stopped = { status: "cancelled", reason: "stopped" };
    assert.equal(metrics.of("job_worker_jobs_ended_total", stopped), 1);
    assert.equal(metrics.of("job_worker_queue_wait_seconds_count"), 1);
    assert.equal(metrics.of("job_worker_jobs", { status: "queued" }), 0);
  });

  // Those who are turned away: by their certificate, by their roles, and by their password.
  const stranger = connectTls({ host: "127.0.0.1", port: daemon.port, rejectUnauthorized: false });
  stranger.on("error", () => {});
  await metrics.reaches("job_worker_connections_refused_total", { api: "grpc" }, 1);
  stranger.destroy();
  await daemon.withClient(async (client) => {
    await assert.rejects(client.startJob(sh("exit 0")), { code: "permission_denied" });
  }, await certificates.material("viewer"));
  const denied = { method: "startJob", code: "permission_denied" };
  await metrics.reaches("job_worker_calls_total", denied, 1);
  const [, rest = ""] = /REST at (https:\S+)\n/.exec((await daemon.outputs()).stdout) ?? [];
  using http = Deno.createHttpClient({ caCerts: [(await certificates.material("client")).ca] });
  const answer = await fetch(`${rest}/v1/jobs`, {
    client: http,
    headers: { authorization: `Basic ${btoa("mallory:guess")}` },
  });
  assert.equal(answer.status, 401);
  await answer.body?.cancel();
  await metrics.reaches("job_worker_logins_failed_total", {}, 1);
  assert.equal(metrics.of("job_worker_rest_requests_total"), 1);
});
