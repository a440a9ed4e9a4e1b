import type { Job } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import { fakeClock } from "../log/log_fixture.ts";
import { DONE, JOB_ID, jobOf, runCli, STARTED_AT } from "./fake_daemon.ts";
import { jsonLines, KILLED, RUNNING_JSON } from "./jobs.ts";

/** Ids in the order of a list, the newest first. */
const MANY = Array.from(
  { length: 5 },
  (_, index) => jobOf({ pid: index, startedAt: STARTED_AT - index }),
);

/** A daemon that gives two jobs a page. */
function pager(jobs: readonly Job[], sizes: number[] = []) {
  return ({ pageSize, pageToken }: { pageSize: number; pageToken: string }) => {
    sizes.push(pageSize);
    assert.ok(pageSize > 0, "Nobody asks for a page of no jobs");
    const from = Number(pageToken);
    const until = from + Math.min(2, pageSize);
    return Promise.resolve({
      jobs: jobs.slice(from, until),
      nextPageToken: until < jobs.length ? String(until) : "",
    });
  };
}

Deno.test("list reads every page, or as many jobs as wanted", async () => {
  const all = await runCli(["list", "--json"], { listJobs: pager(MANY) });
  assert.deepEqual(jsonLines(all.stdout).map((job) => (job as { pid: number }).pid), [
    0,
    1,
    2,
    3,
    4,
  ]);
  const sizes: number[] = [];
  const some = await runCli(["list", "--json", "--limit", "3"], { listJobs: pager(MANY, sizes) });
  assert.equal(jsonLines(some.stdout).length, 3);
  assert.deepEqual(sizes, [3, 1]);
});

Deno.test("list shows jobs of a newer daemon, and what it has no word for as unknown", async () => {
  const waiting = jobOf({ liveStatus: "unknown" });
  const skipped = jobOf({
    end: { ...DONE, exitStatus: { code: 3 }, status: "unknown", reason: "unknown" },
  });
  const { exitStatus, stdout } = await runCli(["list"], {
    listJobs: pager([waiting, skipped, KILLED]),
  });
  assert.equal(exitStatus, 0);
  const statuses = stdout.trimEnd().split("\n").map((line) => line.split("\t").slice(1, 3));
  assert.deepEqual(statuses, [["unknown", "-"], ["unknown", "3"], ["failed", "SIGKILL"]]);

  const colored = await runCli(["list"], { listJobs: pager([waiting]) }, { terminal: true });
  assert.ok(colored.stdout.includes("\x1b[35munknown"));
  const { stdout: details } = await runCli(["status", JOB_ID], {
    getJob: () => Promise.resolve({ ...skipped, containment: "unknown" }),
  });
  assert.match(
    details,
    /^Status: +unknown: for a reason that this version does not know, exit code 3$/m,
  );
  assert.match(details, /^Held by: +something that this version does not know$/m);
  const json = await runCli(["status", "--json", JOB_ID], {
    getJob: () => Promise.resolve(waiting),
  });
  assert.deepEqual(JSON.parse(json.stdout), { ...RUNNING_JSON, status: "unknown" });
});

Deno.test("list passes its filter on", async () => {
  const filters: unknown[] = [];
  const listJobs = ({ filter }: { filter: unknown }) => {
    filters.push(filter);
    return Promise.resolve({ jobs: [], nextPageToken: "" });
  };
  await runCli(["list", "failed", "--owner", "bob", "--label", "a=1"], { listJobs });
  await runCli(["list"], { listJobs });
  assert.deepEqual(filters, [
    { statuses: ["failed"], owner: "bob", labels: { a: "1" } },
    { labels: {} },
  ]);
});

Deno.test("list prints tabs in a pipe, one job a line whatever it is called", async () => {
  const odd = jobOf({
    command: { name: "a\tb", args: ["c\nd"], env: {}, workingDirectory: "" },
    owner: "al\tice",
  });
  const { stdout } = await runCli(["list"], { listJobs: pager([odd, KILLED]) });
  assert.equal(
    stdout,
    [
      `${JOB_ID}\trunning\t-\t2026-07-31T09:30:00.000Z\t-\tal\\x09ice\t$'a\\x09b' $'c\\x0ad'\t-`,
      `${JOB_ID}\tfailed\tSIGKILL\t2026-07-31T09:30:00.000Z\t2026-07-31T09:31:30.000Z\talice\tsh -c 'echo hi'\t-`,
      "",
    ].join("\n"),
  );
  assert.equal((await runCli(["list"], { listJobs: pager([]) })).stdout, "");
});

Deno.test("list and status say how long a job took as README shows it", async () => {
  const job = jobOf({ end: { ...DONE, finishedAt: STARTED_AT + 3_049 } });
  const calls = { listJobs: pager([job]), getJob: () => Promise.resolve(job) };
  const { stdout } = await runCli(["list"], calls, { terminal: true });
  assert.match(stdout, / ago +3\.0s +alice /);
  assert.match((await runCli(["status", JOB_ID], calls)).stdout, /^Took: +3\.0s$/m);
});

Deno.test("list fits a table to the terminal", async () => {
  using _clock = fakeClock(Date.now());
  const long = jobOf({
    command: { name: "echo", args: ["x".repeat(500)], env: {}, workingDirectory: "" },
    startedAt: Date.now() - 3_600_000,
    end: null,
  });
  const calls = { listJobs: pager([long, { ...KILLED, startedAt: Date.now() - 90_000 }]) };
  const { stdout } = await runCli(["list", "--no-color"], calls, { terminal: true });
  const [heading = "", first = "", second = ""] = stdout.split("\n");
  assert.match(heading, /^JOB +STATUS +EXIT +STARTED +TOOK +OWNER +COMMAND$/);
  assert.match(first, /^0199a1b2-c3d4-7e5f +running +- +1h ago +1h +alice +echo x+…$/);
  assert.equal(first.length, 80);
  assert.match(second, / sh -c 'echo hi'$/);
  assert.equal(heading.indexOf("COMMAND"), first.indexOf("echo"));

  const colored = await runCli(["list"], calls, { terminal: true });
  assert.ok(colored.stdout.includes("\x1b[36mrunning\x1b[39m"));
  const none = await runCli(["list"], { listJobs: pager([]) }, { terminal: true });
  assert.deepEqual(none, { exitStatus: 0, stdout: "", stderr: "No jobs\n" });
});

Deno.test("list shows as much of the ids as tells them apart", async () => {
  const idsOf = async (...jobIds: string[]) => {
    const calls = { listJobs: pager(jobIds.map((jobId) => jobOf({ jobId }))) };
    const { stdout } = await runCli(["list"], calls, { terminal: true });
    return stdout.trimEnd().split("\n").slice(1).map((line) => line.split(" ")[0]);
  };
  // Hosts of one `run --all`: started at the same moment.
  const one = "01a22b28-1216-7539-8dc8-accc3954bd11";
  const other = "01a22b28-1216-7539-8dc8-a97a23d7290f";
  assert.deepEqual(await idsOf(one, JOB_ID, other), [
    "01a22b28-1216-7539-8dc8-ac",
    JOB_ID.slice(0, 26),
    "01a22b28-1216-7539-8dc8-a9",
  ]);
  assert.deepEqual(await idsOf(one, one), ["01a22b28-1216-7539", "01a22b28-1216-7539"]);
});
