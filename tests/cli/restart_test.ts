/** `restart`: the same command again, or no command at all. */

import { parse } from "../../lib/cli/grammar.ts";
import type { Job, JobClient, StartJobRequest, StopJobRequest } from "../../lib/cli/job_client.ts";
import { sameJob } from "../../lib/cli/same_job.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { WHOLE_JOB } from "../service/samples.ts";
import { DONE, JOB_ID, jobOf, lister, QUEUED, runCli } from "./fake_daemon.ts";

const NEW_ID = JOB_ID.replace("0199a1b2", "0199a1b3");

/** A daemon with one job, and what it was asked to start and stop. */
function daemonWith(job: Job, stop: JobClient["stopJob"] = () => Promise.resolve(job)) {
  const starts: StartJobRequest[] = [];
  const stops: StopJobRequest[] = [];
  const calls: Partial<JobClient> = {
    listJobs: lister([job]),
    getJob: () => Promise.resolve(job),
    stopJob(request) {
      assert.deepEqual(starts, []);
      stops.push(request as StopJobRequest);
      return stop(request);
    },
    startJob(request) {
      starts.push(request as StartJobRequest);
      return Promise.resolve(jobOf({ jobId: NEW_ID }));
    },
  };
  const restart = async (...words: string[]) => await runCli(["restart", ...words], calls);
  return { starts, stops, restart };
}

Deno.test("restart starts all that was asked for once more, and prints the new id as start does", async () => {
  const { asOf: _, ...known } = WHOLE_JOB;
  const job: Job = { ...known, execution: { ...WHOLE_JOB.execution, hasInput: false } };
  const { starts, stops, restart } = daemonWith(job);
  const { exitStatus, stdout } = await restart("nightly.build");
  assert.deepEqual([exitStatus, stdout], [0, `${NEW_ID}\n`]);
  const { command, labels, name, logLimit, execution, on, notify } = job;
  assert.deepEqual(starts, [
    {
      command,
      labels,
      name,
      requestId: "",
      logLimit,
      execution,
      queue: true,
      on,
      notify: notify?.url,
    },
  ]);
  assert.deepEqual(stops, []);
});

Deno.test("restart leaves to the daemon what was chosen for the first job alone", () => {
  const home = `/var/lib/job-worker-homes/200001/${JOB_ID}`;
  const own = jobOf({ command: { ...WHOLE_JOB.command, workingDirectory: home } });
  const { command, execution, name, on, queue } = sameJob({
    ...own,
    execution: { ...own.execution, user: "200001" },
  });
  assert.deepEqual([command.workingDirectory, execution?.user, name, on, queue], [
    "",
    ...Array(4).fill(undefined),
  ]);
  assert.deepEqual(command.env, WHOLE_JOB.command.env);
  // A host of a fleet has started it by itself.
  assert.deepEqual(sameJob({ ...own, host: "web-1" }).on, { host: "web-1", labels: {} });
  const anywhere = { host: "", labels: {} };
  assert.equal(sameJob({ ...own, host: "web-1", on: anywhere }).on, undefined);
  const web = { host: "", labels: { role: "web" } };
  assert.deepEqual(sameJob({ ...own, host: "web-1", on: web }).on, web);
  const unknown = { bytes: 5, policy: "unknown" } as const;
  assert.deepEqual(sameJob({ ...own, logLimit: unknown }).logLimit, { bytes: 5 });
});

Deno.test("restart refuses a job whose variables, webhook or input it does not know, and does not stop it", async () => {
  const env = { PATH: "/bin", TOKEN: "***" };
  const hidden = jobOf({ command: { ...WHOLE_JOB.command, env } });
  const input = jobOf({ execution: { ...hidden.execution, hasInput: true } });
  const cases: [Job, RegExp][] = [
    [hidden, /: the value of its variable "TOKEN" is not told to you; user "alice" and admins/],
    [
      { ...hidden, host: "web-1", asOf: 1 },
      /: .*"TOKEN" is known to host "web-1" only, which cannot/,
    ],
    [
      jobOf({ notify: { url: "https://hooks.example:8443/***", state: "delivered" } }),
      /: the path of its webhook is not told to you; user "alice" and admins/,
    ],
    [input, /: it has read an input, which is not kept; .*: worker-cli run -i/],
  ];
  for (const [job, why] of cases) {
    const { starts, stops, restart } = daemonWith(job);
    const { exitStatus, stderr } = await restart(JOB_ID, "--stop");
    assert.equal(exitStatus, 125);
    assert.match(stderr, new RegExp(`^worker-cli: Cannot restart job "${JOB_ID}"${why.source}`));
    assert.deepEqual([starts, stops], [[], []]);
  }
});

Deno.test("restart refuses a job that has not ended, unless it is to stop it first", async () => {
  for (const [job, status] of [[jobOf(), "running"], [QUEUED, "queued"]] as const) {
    const refused = daemonWith(job);
    const { exitStatus, stderr } = await refused.restart(JOB_ID);
    assert.equal(exitStatus, 125);
    const line = `worker-cli restart ${JOB_ID} --stop`;
    assert.match(stderr, new RegExp(`it is ${status}; to stop it first: ${line}\n`));
    assert.deepEqual([refused.starts, refused.stops], [[], []]);

    const { starts, stops, restart } = daemonWith(job, () => Promise.resolve(jobOf({ end: DONE })));
    assert.equal((await restart("-", "--stop")).exitStatus, 0);
    assert.deepEqual(stops, [{ jobId: JOB_ID, stopSignal: "", gracePeriodMs: null }]);
    assert.equal(starts.length, 1);
  }
});

Deno.test("restart goes on if the job has ended by itself, and ends if it cannot be stopped", async () => {
  const refuse = (code: "failed_precondition" | "permission_denied") => () =>
    Promise.reject(new JobWorkerError(code, "Cannot stop it"));
  const ended = daemonWith(jobOf(), refuse("failed_precondition"));
  assert.equal((await ended.restart(JOB_ID, "--stop")).exitStatus, 0);
  assert.equal(ended.starts.length, 1);
  const denied = daemonWith(jobOf(), refuse("permission_denied"));
  assert.equal((await denied.restart(JOB_ID, "--stop")).exitStatus, 125);
  assert.deepEqual(denied.starts, []);
});

Deno.test("A name is for one job, so not for a command on many hosts", () => {
  const parsed = parse(["run", "--all", "--name", "nightly", "--", "true"], () => undefined);
  assert.equal(parsed.kind, "usage_error");
  assert.match(
    parsed.kind === "usage_error" ? parsed.message : "",
    /--name cannot be used with --all/,
  );
});
