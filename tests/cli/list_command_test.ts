import type { Job } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import { fakeClock } from "../log/log_fixture.ts";
import { DONE, JOB_ID, jobOf, runCli, STARTED_AT } from "./fake_daemon.ts";
import { COLUMN_NAMES } from "../../lib/cli/job_columns.ts";
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
  assert.match(first, /^2e3f4a5b +running +- +1h ago +1h +alice +echo x+…$/);
  assert.equal(first.length, 80);
  assert.match(second, / sh -c 'echo hi'$/);
  assert.equal(heading.indexOf("COMMAND"), first.indexOf("echo"));

  const colored = await runCli(["list"], calls, { terminal: true });
  assert.ok(colored.stdout.includes("\x1b[36mrunning\x1b[39m"));
  const none = await runCli(["list"], { listJobs: pager([]) }, { terminal: true });
  assert.deepEqual(none, { exitStatus: 0, stdout: "", stderr: "No jobs\n" });
});

Deno.test("list cuts no id, however narrow the terminal: it could not be typed", async () => {
  const long = "x".repeat(30);
  const job = jobOf({ name: long, owner: long, host: long, labels: { [long]: long } });
  const calls = { listJobs: pager([job]) };
  for (const columns of ["id,name,owner,host,labels,started,took,pid,status,command", "name,id"]) {
    const line = ["list", "-o", `${columns},owner,name,host,labels,owner,id`];
    const { stdout } = await runCli(line, calls, { terminal: true });
    assert.match(stdout, /… {2}2e3f4a5b$/m);
    assert.doesNotMatch(stdout, /2e3f4a5?…/);
  }
});

Deno.test("list shows as much of the ends of ids as tells them apart", async () => {
  const idsOf = async (...jobIds: string[]) => {
    const calls = { listJobs: pager(jobIds.map((jobId) => jobOf({ jobId }))) };
    const { stdout } = await runCli(["list"], calls, { terminal: true });
    return stdout.trimEnd().split("\n").slice(1).map((line) => line.split(" ")[0]);
  };
  const one = "01a22b28-1216-7539-8dc8-accc3954bd11";
  const other = "01a22b28-1216-7539-8dc8-a97a2354bd11";
  assert.deepEqual(await idsOf(one), ["3954bd11"]);
  assert.deepEqual(await idsOf(one, JOB_ID, other), ["3954bd11", "2e3f4a5b", "2354bd11"]);
  const alike = one.replace("accc", "acca");
  assert.deepEqual(await idsOf(one, alike), ["c3954bd11", "a3954bd11"]);
  const begin = one.replace("8dc8", "8dc7");
  assert.deepEqual(await idsOf(one, begin), ["8-accc3954bd11", "7-accc3954bd11"]);
  assert.deepEqual(await idsOf(one, one), ["3954bd11", "3954bd11"]);
});

Deno.test("list shows 50 jobs on a terminal unless it is told how many, and says how many there are", async () => {
  const jobsOf = (count: number) =>
    Array.from({ length: count }, (_, index) => jobOf({ pid: index + 1 }));
  const jobs = jobsOf(120);
  const shown = async (line: string, terminal = true, all = jobs) => {
    const calls = { listJobs: pager(all) };
    const { stdout, stderr } = await runCli(line.split(" "), calls, { terminal });
    const lines = stdout.trimEnd().split("\n").length;
    return [lines - (terminal && !line.includes("json") ? 1 : 0), stderr];
  };
  const more = (limit: number, all = "120") =>
    `Only the newest ${limit} of ${all} are shown. For more: --limit ${
      2 * limit
    }, or --limit all\n`;
  assert.deepEqual(await shown("list"), [50, more(50)]);
  assert.deepEqual(await shown("list --json"), [50, more(50)]);
  assert.deepEqual(await shown("list -n 7"), [7, more(7)]);
  assert.deepEqual(await shown("list -n 120"), [120, ""]);
  assert.deepEqual(await shown("list", true, jobsOf(1050)), [50, more(50, "1050")]);
  assert.deepEqual(await shown("list", true, jobsOf(1052)), [50, more(50, "more than 1050")]);
  assert.deepEqual(await shown("list -n all"), [120, ""]);
  assert.deepEqual(await shown("list", false), [120, ""]);
  assert.deepEqual(await shown("list -n 7", false), [7, ""]);
});

Deno.test("list -o shows the columns that are asked for, for people and for programs", async () => {
  const calls = { listJobs: pager([KILLED, jobOf({ labels: { team: "red", n: "" } })]) };
  const terminal = await runCli(["list", "-o", "command,id,labels,exit"], calls, {
    terminal: true,
  });
  assert.equal(
    terminal.stdout,
    [
      "COMMAND          JOB       LABELS        EXIT",
      "sh -c 'echo hi'  2e3f4a5b  -             SIGKILL",
      "sh -c 'echo hi'  2e3f4a5b  team=red, n=  -",
      "",
    ].join("\n"),
  );
  const pipe = await runCli(["list", "-o", "id,reason,finished,pid"], calls);
  assert.equal(
    pipe.stdout,
    `${JOB_ID}\tsignaled\t2026-07-31T09:31:30.000Z\t4711\n${JOB_ID}\t-\t-\t4711\n`,
  );
  const wide = await runCli(["list", "-o", "wide"], calls);
  assert.deepEqual(
    wide.stdout.trimEnd().split("\n").map((line) => line.split("\t").length),
    [COLUMN_NAMES.length, COLUMN_NAMES.length],
  );
  const json = await runCli(["list", "-o", "json"], calls);
  assert.equal(json.stdout, (await runCli(["list", "--json"], calls)).stdout);
  assert.equal(jsonLines(json.stdout).length, 2);
});

Deno.test("list has a column for names where a job has one", async () => {
  const calls = { listJobs: pager([KILLED, jobOf({ name: "nightly" })]) };
  const { stdout } = await runCli(["list", "--no-color"], calls, { terminal: true });
  assert.match(
    stdout,
    /^JOB +NAME +STATUS .*\n2e3f4a5b +- +failed .*\n2e3f4a5b +nightly +running .*\n$/,
  );
  const pipe = await runCli(["list", "-o", "name"], calls);
  assert.equal(pipe.stdout, "-\nnightly\n");
});

Deno.test("ps lists the jobs that run, and with -a all of them", async () => {
  const filters: unknown[] = [];
  const listJobs = ({ filter }: { filter: unknown }) => {
    filters.push(filter);
    return Promise.resolve({ jobs: [], nextPageToken: "" });
  };
  for (const line of ["ps", "ps -a -l a=1"]) await runCli(line.split(" "), { listJobs });
  assert.deepEqual(filters, [{ statuses: ["running"], labels: {} }, { labels: { a: "1" } }]);
});
