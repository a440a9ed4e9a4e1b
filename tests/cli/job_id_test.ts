/** What a job may be called on the command line, and what the daemon is asked for it. */

import type { JobClient, ListJobsRequest } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import { DONE, JOB_ID, jobOf, lister, runCli } from "./fake_daemon.ts";

const OLD_ID = "0198a1b2-c3d4-7e5f-8a9b-00000000beef";
const NIGHTLY = jobOf({ name: "nightly" });
const OLD_NIGHTLY = jobOf({ jobId: OLD_ID, name: "nightly", end: DONE });

/** A daemon with these jobs, what it was asked for, and of which jobs the status. */
function daemonWith(...jobs: Parameters<typeof lister>[0]) {
  const asked: ListJobsRequest[] = [];
  const found: string[] = [];
  const list = lister(jobs);
  const calls: Partial<JobClient> = {
    listJobs(request) {
      asked.push(request);
      return list(request);
    },
    getJob({ jobId }) {
      found.push(jobId);
      return Promise.resolve(jobOf({ jobId }));
    },
  };
  const status = async (typed: string) => await runCli(["status", typed], calls);
  return { asked, found, status };
}

Deno.test("- and @last are the newest job of one's own", async () => {
  for (const typed of ["-", "@last"]) {
    const { asked, found, status } = daemonWith(NIGHTLY, OLD_NIGHTLY);
    assert.equal((await status(typed)).exitStatus, 0);
    assert.deepEqual(asked, [{ filter: {}, own: true, pageSize: 1, pageToken: "" }]);
    assert.deepEqual(found, [JOB_ID]);
  }
  const { exitStatus, stderr } = await daemonWith().status("-");
  assert.equal(exitStatus, 125);
  assert.match(stderr, /^worker-cli: There is no job of yours, so "-" is none\n/);
});

Deno.test("A name is that of one's own job that has not ended, or else of the newest", async () => {
  const running = daemonWith(NIGHTLY, OLD_NIGHTLY);
  assert.equal((await running.status("nightly")).exitStatus, 0);
  const live = { name: "nightly", statuses: ["queued", "running"] };
  assert.deepEqual(running.asked, [{ filter: live, own: true, pageSize: 1, pageToken: "" }]);
  assert.deepEqual(running.found, [JOB_ID]);

  const ended = daemonWith({ ...NIGHTLY, end: DONE }, OLD_NIGHTLY);
  assert.equal((await ended.status("nightly")).exitStatus, 0);
  assert.deepEqual(ended.asked.map(({ filter }) => filter), [live, { name: "nightly" }]);
  assert.deepEqual(ended.found, [JOB_ID]);

  // Where the clock was set back, the one that runs has the smaller id.
  const older = daemonWith({ ...NIGHTLY, end: DONE }, { ...OLD_NIGHTLY, end: null });
  assert.equal((await older.status("nightly")).exitStatus, 0);
  assert.deepEqual(older.found, [OLD_ID]);

  const { exitStatus, stderr } = await running.status("weekly");
  assert.equal(exitStatus, 125);
  assert.match(
    stderr,
    /no job of yours with the name "weekly"; .*: worker-cli list --name weekly\n/,
  );
});

Deno.test("The end of an id does as well as its beginning, in small letters or large", async () => {
  for (const typed of ["beef", "BEEF", "8a9b-00000000beef", OLD_ID.slice(1), "0198", OLD_ID]) {
    const { found, asked, status } = daemonWith(NIGHTLY, OLD_NIGHTLY);
    assert.equal((await status(typed)).exitStatus, 0, typed);
    assert.deepEqual(found, [OLD_ID], typed);
    assert.ok(asked.length <= 2);
  }
});

Deno.test("A part that two ids have, one at its beginning and one at its end, is not enough", async () => {
  const both = jobOf({ jobId: `beef${JOB_ID.slice(4)}` });
  const { found, status } = daemonWith(both, OLD_NIGHTLY);
  const { exitStatus, stderr } = await status("beef");
  assert.equal(exitStatus, 125);
  assert.equal(
    stderr,
    'worker-cli: The ids of several jobs begin or end with "beef"; type more of it:\n' +
      `  ${both.jobId}  running  sh -c 'echo hi'\n` +
      `  ${OLD_ID}  nightly  done: exit code 0  sh -c 'echo hi'\n`,
  );
  assert.deepEqual(found, []);
  // One that has it at both is one.
  const twice = jobOf({ jobId: `beef${OLD_ID.slice(4)}` });
  assert.equal((await daemonWith(twice).status("beef")).exitStatus, 0);
});

Deno.test("A daemon that knows no names and no ends is not taken to mean another job", async () => {
  const listJobs: JobClient["listJobs"] = () =>
    Promise.resolve({ jobs: [OLD_NIGHTLY], nextPageToken: "" });
  for (const typed of ["weekly", "cafe"]) {
    const { exitStatus, stderr } = await runCli(["stop", typed], { listJobs });
    assert.equal(exitStatus, 125);
    assert.match(stderr, /^worker-cli: There is no job /);
  }
});

Deno.test("Every subcommand takes a job by its name", async () => {
  const stop = () => Promise.resolve({ ...NIGHTLY, end: DONE });
  const calls: Partial<JobClient> = {
    listJobs: lister([NIGHTLY]),
    ...{ stopJob: stop, getJob: stop, waitJob: stop, signalJob: stop, updateJob: stop },
    async *streamLogs({ jobId }) {
      assert.equal(jobId, JOB_ID);
      yield { records: [], nextOffset: 0, finishedJob: await stop() };
    },
  };
  for (const typed of ["nightly", "-", "@last"]) {
    for (
      const line of [
        ["stop", typed],
        ["status", typed],
        ["output", typed],
        ["wait", typed],
        ["logs", "all", typed],
        ["signal", typed, "HUP"],
        ["update", typed, "--timeout=1h"],
      ]
    ) {
      const { exitStatus, stderr } = await runCli(line, calls);
      assert.equal(exitStatus, 0, `${line.join(" ")}: ${stderr}`);
    }
  }
});

Deno.test("A completion offers the names of one's own jobs, each once, before ids", async () => {
  const jobs = [NIGHTLY, OLD_NIGHTLY, jobOf({ jobId: OLD_ID.replace("beef", "cafe") })];
  const offered = async (typed: string) => {
    const line = ["__complete", "--", "status", typed];
    const { stdout } = await runCli(line, { listJobs: lister(jobs) });
    return stdout.trimEnd().split("\n").map((each) => each.split(": ")[0]);
  };
  assert.deepEqual(await offered("nig"), ["nightly\trunning"]);
  assert.deepEqual(await offered("0199"), [`${JOB_ID}\trunning`]);
  assert.deepEqual((await offered("")).map((each) => each?.split("\t")[0]), [
    "nightly",
    ...jobs.map(({ jobId }) => jobId.slice(-8)),
  ]);
});
