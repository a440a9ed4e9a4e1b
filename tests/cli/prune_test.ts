/**
 * What the command line says of bounds: on logs, and on the past.
 *
 * @module
 */

import type { JobClient, JobEnd, ListJobsRequest } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import {
  batchesOf,
  DONE,
  JOB_ID,
  jobOf,
  type Outcome,
  recordsOf,
  runCli,
  STARTED_AT,
  streamer,
} from "./fake_daemon.ts";
import { jsonLines } from "./jobs.ts";
import { usageErrorOf, verbOf } from "./parsing.ts";

const MIB = 1024 * 1024;

type PruneJobsRequest = Parameters<JobClient["pruneJobs"]>[0];

Deno.test("parse() reads the bounds of prune, and wants one at least", () => {
  const verb = { kind: "prune", dryRun: false, owner: "" };
  assert.deepEqual(verbOf(..."prune --older-than 30d".split(" ")), {
    ...verb,
    maxAgeMs: 2_592_000_000,
  });
  assert.deepEqual(verbOf(..."prune --keep 0".split(" ")), { ...verb, maxCount: 0 });
  assert.deepEqual(verbOf(..."prune --keep-bytes 1.5GiB".split(" ")), {
    ...verb,
    maxBytes: 1536 * MIB,
  });
  assert.deepEqual(
    verbOf(..."prune --older-than 0s --keep 9 --keep-bytes 0 --owner al --dry-run".split(" ")),
    {
      kind: "prune",
      maxAgeMs: 0,
      maxCount: 9,
      maxBytes: 0,
      owner: "al",
      dryRun: true,
    },
  );
  for (const line of ["prune", "prune --dry-run", "prune --owner al"]) {
    assert.match(
      usageErrorOf(line),
      /^Prune needs --older-than, --keep or --keep-bytes\nSee: /,
    );
  }
  assert.match(usageErrorOf("prune --keep -1"), /whole number from 0/);
  assert.match(usageErrorOf("prune --keep-bytes 1PiB"), /Size "1PiB" is not valid/);
  assert.match(usageErrorOf("prune --older-than soon"), /Duration "soon" is not valid/);
});

Deno.test("parse() reads a log limit, and leaves the rest of it to the daemon", () => {
  const limitOf = (options: string) => {
    const verb = verbOf(...`start ${options} -- ls`.split(" "));
    assert.ok(verb.kind === "start");
    return verb.job.logLimit;
  };
  assert.deepEqual(limitOf("--log-limit 64MiB"), { bytes: 64 * MIB });
  assert.deepEqual(limitOf("--log-policy end-job"), { policy: "end_job" });
  assert.deepEqual(limitOf("--log-limit 1M --log-policy keep-newest"), {
    bytes: MIB,
    policy: "keep_newest",
  });
  assert.match(usageErrorOf("run --log-limit big -- ls"), /Size "big" is not valid/);
  for (const policy of ["end_job", "", "toString"]) {
    assert.match(usageErrorOf(`run --log-policy=${policy} -- ls`), /must be keep-newest or end-/);
  }
});

function prune(
  line: string,
  answer: Awaited<ReturnType<JobClient["pruneJobs"]>>,
  requests: PruneJobsRequest[] = [],
): Promise<Outcome> {
  const pruneJobs = (request: PruneJobsRequest) => {
    requests.push(request);
    return Promise.resolve(answer);
  };
  return runCli(line.split(" "), { pruneJobs });
}

Deno.test("prune prints a line for each job, and the sum on stderr", async () => {
  const requests: PruneJobsRequest[] = [];
  const jobs = [
    jobOf({ end: DONE, logBytes: 1536, command: { ...jobOf().command, args: ["\n"] } }),
    jobOf({ jobId: "0199", owner: "bob\t", end: { ...DONE, status: "failed" } }),
  ];
  const answer = { jobs, count: 2, bytes: 1536 };
  const { exitStatus, stdout, stderr } = await prune(
    "prune --keep 5 --owner bob",
    answer,
    requests,
  );
  assert.equal(exitStatus, 0);
  assert.equal(
    stdout,
    `${JOB_ID}\tdone\t2026-07-31T09:31:30.000Z\t1.5KiB\talice\tsh $'\\x0a'\n` +
      "0199\tfailed\t2026-07-31T09:31:30.000Z\t0B\tbob\\x09\tsh -c 'echo hi'\n",
  );
  assert.equal(stderr, "worker-cli: Removed 2 jobs with 1.5KiB of logs\n");
  assert.deepEqual(requests, [{ maxCount: 5, owner: "bob", dryRun: false }]);

  const dry = await prune("prune --older-than 1d --dry-run", { ...answer, count: 1_234 }, requests);
  assert.equal(
    dry.stderr,
    "worker-cli: Would remove 1234 jobs with 1.5KiB of logs; only the newest 2 are shown\n",
  );
  assert.deepEqual(requests[1], { maxAgeMs: 86_400_000, owner: "", dryRun: true });

  const none = await prune("prune --keep 5", { jobs: [], count: 0, bytes: 0 });
  assert.deepEqual([none.stdout, none.stderr], [
    "",
    "worker-cli: Removed 0 jobs with 0B of logs\n",
  ]);
});

Deno.test("prune prints a table on a terminal", async () => {
  const jobs = [jobOf({ end: { ...DONE, finishedAt: Date.now() }, logBytes: 1536 })];
  const pruneJobs = () => Promise.resolve({ jobs, count: 1, bytes: 1536 });
  const { stdout } = await runCli(["prune", "--keep", "5", "--no-color"], { pruneJobs }, {
    terminal: true,
  });
  const [heading = "", row = "", ...rest] = stdout.split("\n");
  assert.deepEqual(heading.split(/ {2,}/), [
    "JOB",
    "STATUS",
    "FINISHED",
    "LOG",
    "OWNER",
    "COMMAND",
  ]);
  const [jobId, status, , log, owner, command] = row.split(/ {2,}/);
  assert.deepEqual([jobId, status, log, owner, command], [
    ...[JOB_ID.slice(-8), "done", "1.5KiB", "alice", "sh -c 'echo hi'"],
  ]);
  assert.deepEqual(rest, [""]);
});

Deno.test("prune --json prints each job and then the sum", async () => {
  const answer = { jobs: [jobOf({ end: DONE, logBytes: 5 })], count: 1, bytes: 5 };
  const { stdout, stderr } = await prune("prune --keep 5 --json", answer);
  assert.equal(stderr, "");
  const [job, sum] = jsonLines(stdout) as Record<string, unknown>[];
  assert.deepEqual([job?.jobId, job?.logBytes], [JOB_ID, 5]);
  assert.deepEqual(sum, { pruned: { count: 1, bytes: 5, dryRun: false } });
});

Deno.test("list asks for the time that was asked for", async () => {
  const filters: ListJobsRequest["filter"][] = [];
  const listJobs = ({ filter }: ListJobsRequest) => {
    filters.push(filter);
    return Promise.resolve({ jobs: [], nextPageToken: "" });
  };
  const exact = ["--since", "2026-07-31T09:30:00Z", "--until", "2026-07-31T11:30:00+02:00"];
  await runCli(["list", ...exact], { listJobs });
  const from = Date.now();
  await runCli(["list", "done", "--since", "10m"], { listJobs });
  const until = Date.now();
  await runCli(["list"], { listJobs });
  assert.deepEqual(filters[0], {
    labels: {},
    startedAfter: STARTED_AT,
    startedBefore: STARTED_AT,
  });
  const { startedAfter = 0 } = filters[1] ?? {};
  assert.ok(startedAfter >= from - 600_000 && startedAfter <= until - 600_000);
  assert.deepEqual(filters[2], { labels: {} });
  assert.match(usageErrorOf("list --until tomorrow"), /"tomorrow" is not valid: use a duration/);
});

Deno.test("start passes a log limit on", async () => {
  const limits: unknown[] = [];
  const calls = {
    startJob: ({ logLimit }: { logLimit?: unknown }) => {
      limits.push(logLimit);
      return Promise.resolve(jobOf());
    },
  };
  await runCli(["start", "--log-limit", "1MiB", "--log-policy", "end-job", "--", "ls"], calls);
  await runCli(["start", "--", "ls"], calls);
  assert.deepEqual(limits, [{ bytes: MIB, policy: "end_job" }, undefined]);
});

Deno.test("logs, output and run tell exactly which bytes are gone, before what follows", async () => {
  const ended = jobOf({ end: DONE });
  const records = recordsOf(["stdout", "rest\n"]);
  const [first, last] = batchesOf(ended, records);
  assert.ok(first && last);
  const calls = {
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: streamer([{ ...first, gap: { from: 10, to: 4_106 } }, last]),
  };
  const gone =
    "worker-cli: 4096 bytes of output, from byte 10 up to byte 4106, are missing: they were dropped to keep the " +
    "log within its limit\n";
  for (const line of [["logs", "all", JOB_ID], ["output", JOB_ID], ["run", "--", "ls"]]) {
    const { stdout, stderr } = await runCli(line, calls);
    assert.deepEqual([stdout, stderr], ["rest\n", gone]);
    const json = await runCli(["--json", ...line], calls);
    assert.equal(json.stderr, "");
    const told = jsonLines(json.stdout).filter((value) =>
      !Object.hasOwn(Object(value), "startedJob")
    );
    assert.deepEqual(told[0], { gap: { from: 10, to: 4_106 } });
    assert.equal(Reflect.get(Object(told[1]), "text"), "rest\n");
  }
});

Deno.test("status tells of the log, and why output is missing", async () => {
  const status = async (end: Partial<JobEnd>) => {
    const job = jobOf({
      logBytes: 1.5 * MIB,
      logLimit: { bytes: 2 * MIB, policy: "end_job" },
      outputTruncated: true,
      end: { ...DONE, ...end },
    });
    const getJob = () => Promise.resolve(job);
    const { stdout } = await runCli(["status", JOB_ID], { getJob });
    assert.match(stdout, /^Log: +1\.5MiB of 2MiB, end-job$/m);
    const json = await runCli(["status", JOB_ID, "--json"], { getJob });
    const { logBytes, logLimit, detail } = JSON.parse(json.stdout);
    assert.deepEqual([logBytes, logLimit, detail], [job.logBytes, job.logLimit, job.end?.detail]);
    return stdout;
  };
  const limited = await status({
    status: "failed",
    reason: "log_limit",
    exitStatus: { signal: "SIGTERM" },
    detail: "No room\x07",
  });
  assert.match(limited, /^Status: +failed: reached the limit of its log, killed by SIGTERM$/m);
  assert.match(limited, /^Detail: +No room\\x07$/m);
  assert.match(limited, /on stderr; its later output was discarded$/m);

  const lost = await status({ status: "failed", reason: "lost", exitStatus: null });
  assert.match(lost, /on stderr; its last output may not have reached the disk$/m);
  assert.doesNotMatch(lost, /Detail|had left/);
  assert.match(
    await status({}),
    /on stderr; a process that had left the job may have printed more/,
  );
});
