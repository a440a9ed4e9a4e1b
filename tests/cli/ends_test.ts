import type { Job, JobEnd } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import { batchesOf, DONE, JOB_ID, jobOf, runCli, streamer } from "./fake_daemon.ts";
import { FAILED, jsonLines } from "./jobs.ts";

/** The verbs that see a job to its end. */
const LINES = [
  ["run", "--", "sh"],
  ["output", JOB_ID],
  ["wait", JOB_ID],
  ["logs", "all", JOB_ID, "--follow"],
];

/** Ends other than a plain exit, with the exit status and the words that they make. */
const UNUSUAL: readonly (readonly [end: Partial<JobEnd>, status: number, words: string])[] = [
  [{ reason: "signaled", exitStatus: { signal: "SIGSEGV" } }, 139, "failed: killed by SIGSEGV"],
  [
    { reason: "timeout", exitStatus: { signal: "SIGTERM" } },
    143,
    "failed: out of time, killed by SIGTERM",
  ],
  [{ reason: "timeout", exitStatus: { code: 7 } }, 7, "failed: out of time, exit code 7"],
  [
    { reason: "log_limit", exitStatus: { signal: "SIGTERM" } },
    143,
    "failed: reached the limit of its log, killed by SIGTERM",
  ],
  [
    { reason: "signaled", exitStatus: { signal: "SIGKILL" }, detail: "Out of memory: killed" },
    137,
    "failed: killed by SIGKILL; Out of memory: killed",
  ],
  // A shell whose child was killed ends by itself.
  [
    { reason: "exited", exitStatus: { code: 137 }, detail: "Out of memory:\x1b[2J" },
    137,
    "failed: exit code 137; Out of memory:\\x1b[2J",
  ],
  [
    { status: "cancelled", reason: "stopped", exitStatus: { signal: "SIGTERM" } },
    143,
    "cancelled: stopped by a user, killed by SIGTERM",
  ],
  [
    { status: "cancelled", reason: "shutdown", exitStatus: { signal: "SIGKILL" } },
    137,
    "cancelled: the daemon was shut down, killed by SIGKILL",
  ],
  [
    { reason: "lost", exitStatus: null },
    125,
    "failed: lost, because the executor died while the job was running; nobody knows how it ended",
  ],
  // Its host may be well, and only have left the fleet.
  [
    { reason: "lost", exitStatus: null, detail: 'host "web-1" has left the fleet' },
    125,
    'failed: lost; host "web-1" has left the fleet',
  ],
];

function callsFor(job: Job) {
  return {
    startJob: () => Promise.resolve(jobOf()),
    waitJob: () => Promise.resolve(job),
    streamLogs: streamer(batchesOf(job)),
  };
}

Deno.test("run, output, wait and logs --follow say in a line how a job ended that did not just exit", async () => {
  for (const [end, status, words] of UNUSUAL) {
    const job = jobOf({ end: { ...DONE, status: "failed", ...end } });
    for (const line of LINES) {
      const { exitStatus, stdout, stderr } = await runCli(line, callsFor(job));
      assert.equal(stderr, `worker-cli: Job ${JOB_ID} ${words}\n`);
      assert.deepEqual([exitStatus, stdout], [line[0] === "logs" ? 0 : status, ""]);
      const json = await runCli(["--json", ...line], callsFor(job));
      assert.equal(json.stderr, stderr);
      assert.ok(jsonLines(json.stdout).length > 0);
    }
  }
});

Deno.test("run, output, wait and logs --follow say nothing of a job that just exited", async () => {
  for (const job of [FAILED, jobOf({ end: DONE })]) {
    for (const line of LINES) assert.equal((await runCli(line, callsFor(job))).stderr, "");
  }
});

Deno.test("logs without --follow says nothing of how a job ended", async () => {
  const job = jobOf({ end: { ...DONE, status: "failed", reason: "lost", exitStatus: null } });
  assert.equal((await runCli(["logs", "all", JOB_ID], callsFor(job))).stderr, "");
});
