/** What a hub and its hosts tell of themselves to whoever watches over them. */

import { METRIC_NAMES, METRICS } from "../../../lib/metrics/catalogue.ts";
import { assert } from "../../assert.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { TestDaemons } from "../../fleet/test_daemons.ts";
import { Scraped } from "../../metrics/scraped.ts";

natsTest("A hub tells of its hosts, its queue and its calls, and a host of its agent", async () => {
  await using fleet = await TestDaemons.start(
    { "web-1": ["--slots=1"], "web-2": ["--slots=1"] },
    null,
    ["--metrics-address=0"],
  );
  const hub = new Scraped(await fleet.hub.metrics());
  await hub.reaches("job_worker_fleet_hosts", { state: "online" }, 2);
  const served = METRIC_NAMES.filter((name) =>
    (METRICS[name].by as readonly string[]).includes("hub")
  );
  assert.deepEqual([...hub.families.keys()], served);
  for (const process of ["hub", "gateway-0"]) {
    assert.equal(hub.of("job_worker_process_up", { process }), 1);
  }
  assert.equal(hub.of("job_worker_fleet_hosts", { state: "offline" }), 0);
  assert.ok(hub.of("job_worker_fleet_index_bytes") > 0);

  const first = (await fleet.printed("start", "--on=web-1", "--", "sleep", "1000")).trim();
  const second = (await fleet.printed("start", "--on=web-1", "--queue", "--", "true")).trim();
  await hub.reaches("job_worker_jobs", { status: "queued" }, 1);
  assert.equal(hub.of("job_worker_jobs_limit", { status: "queued" }), 10_000);
  assert.equal(hub.of("job_worker_calls_total", { method: "startJob", code: "ok" }), 2);
  assert.equal(hub.of("job_worker_start_duration_seconds_count"), 1, "One had to wait");

  const host = new Scraped(await fleet.host("web-1").metrics());
  await host.reaches("job_worker_process_up", { process: "agent" }, 1);
  assert.equal(host.of("job_worker_jobs", { status: "running" }), 1);
  assert.equal(host.of("job_worker_jobs_started_total"), 1);
  assert.equal(host.of("job_worker_start_duration_seconds_count"), 1, "It is started by the hub");
  await fleet.printed("stop", first);
  await fleet.printed("wait", second);
  await hub.reaches("job_worker_jobs", { status: "queued" }, 0);

  Deno.kill(await fleet.host("web-1").agent(), "SIGKILL");
  await host.reaches("job_worker_process_restarts_total", { role: "agent" }, 1);
  await host.reaches("job_worker_process_up", { process: "agent" }, 1);
  await fleet.host("web-2").kill();
  await hub.reaches("job_worker_fleet_hosts", { state: "offline" }, 1);
});
