import type { Host } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import { fakeClock } from "../log/log_fixture.ts";
import { jobOf, runCli } from "./fake_daemon.ts";
import { jsonLines } from "./jobs.ts";

const NOW = Date.now();

const WEB: Host = {
  name: "web-1",
  state: "online",
  labels: { role: "web", zone: "eu" },
  slots: 8,
  running: 3,
  queued: 2,
  load: 7.03759765625,
  version: "1.2.3",
  heardAt: NOW - 5 * 60_000,
  detail: "",
};
const DB: Host = {
  ...WEB,
  ...{ name: "db-1", state: "offline", labels: {}, running: 0, queued: 0, version: "" },
  ...{ heardAt: null, detail: "it was never\theard" },
};

const listHosts = () => Promise.resolve({ hosts: [DB, WEB] });

Deno.test("hosts says of each host what there is to say, for people, scripts and programs", async () => {
  using _clock = fakeClock(NOW);
  const shown = await runCli(["hosts"], { listHosts }, { terminal: true });
  assert.deepEqual(shown.stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/)), [
    ["HOST", "STATE", "RUNNING", "LOAD", "VERSION", "HEARD", "LABELS"],
    ["db-1", "offline", "0/8", "-", "-", "never", "it was never\\x09heard"],
    ["web-1", "online", "3/8 +2 queued", "7.04", "1.2.3", "5m ago", "role=web,zone=eu"],
  ]);
  const { stdout } = await runCli(["hosts"], { listHosts });
  const heard = new Date(WEB.heardAt ?? 0).toISOString();
  assert.deepEqual(stdout.split("\n").slice(0, -1).map((line) => line.split("\t")), [
    ["db-1", "offline", "0", "8", "0", "7.04", "", "-", "", "it was never\\x09heard"],
    ["web-1", "online", "3", "8", "2", "7.04", "1.2.3", heard, "role=web,zone=eu", ""],
  ]);
  const json = jsonLines((await runCli(["hosts", "--json"], { listHosts })).stdout);
  const { heardAt: _, ...web } = WEB;
  assert.deepEqual(json[1], { ...web, heardDate: heard });
  const noHosts = { listHosts: () => Promise.resolve({ hosts: [] }) };
  const none = await runCli(["hosts"], noHosts, { terminal: true });
  assert.deepEqual([none.exitStatus, none.stdout], [0, ""]);
  assert.match(none.stderr, /^No hosts: this daemon is no hub of a fleet, or none/);
  const notThese = await runCli(["hosts", "--on=role=mail"], noHosts, { terminal: true });
  assert.equal(notThese.stderr, "No such hosts\n");
});

Deno.test("list and status show the host of a job, and how old what it has said is", async () => {
  using _clock = fakeClock(NOW);
  const away = jobOf({ host: "web-1", asOf: NOW - 5 * 60_000 });
  const here = jobOf({ host: "db-1" });
  const listJobs = () => Promise.resolve({ jobs: [away, here], nextPageToken: "" });
  const { stdout } = await runCli(["list"], { listJobs }, { terminal: true });
  const lines = stdout.trimEnd().split("\n");
  assert.match(lines[0] ?? "", / HOST +OWNER/);
  assert.match(lines[1] ?? "", / web-1 \(5m ago\) +alice/);
  assert.match(lines[2] ?? "", / db-1 +alice/);
  const tabbed = (await runCli(["list"], { listJobs })).stdout.trimEnd().split("\n");
  assert.deepEqual(tabbed.map((line) => line.split("\t")[7]), ["web-1", "db-1"]);
  const status = await runCli(["status", away.jobId], { getJob: () => Promise.resolve(away) });
  assert.match(status.stdout, /^Host: +web-1$/m);
  assert.match(status.stdout, /^As of: +\S+Z: its host cannot be reached$/m);
});
