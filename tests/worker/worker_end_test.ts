import { beganAt, type Job, type JobEnd } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { killEscaped, liveProcesses, rejection, TestWorker, until } from "./fixture.ts";
import { fakeClock } from "../log/log_fixture.ts";

/** The outcome of a job without its time. */
function outcomeOf({ end }: Job): Omit<JobEnd, "finishedAt"> {
  assert.ok(end);
  const { finishedAt: _, ...outcome } = end;
  return outcome;
}

Deno.test("Every exit code is recorded as it is", async () => {
  await using test = await TestWorker.open();
  const codes = Array.from({ length: 256 }, (_, code) => code);
  const jobs = await Promise.all(codes.map((code) => test.ran(`exit ${code}`)));
  assert.deepEqual(
    jobs.map(outcomeOf),
    codes.map((code) => ({
      status: code === 0 ? "done" : "failed",
      reason: "exited",
      exitStatus: { code },
    })),
  );
});

Deno.test("Death by a signal is recorded by its name, from inside and outside", async () => {
  await using test = await TestWorker.open();
  const signals = ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGTERM", "SIGPIPE", "SIGHUP"] as const;
  for (const signal of signals) {
    const expected = { status: "failed", reason: "signaled", exitStatus: { signal } };
    assert.deepEqual(outcomeOf(await test.ran(`kill -${signal.slice(3)} $$`)), expected);

    const job = await test.sh("echo ready; exec sleep 1000");
    await test.printed(job.jobId, "ready");
    Deno.kill(job.pid, signal);
    assert.deepEqual(outcomeOf(await test.worker.wait(job.jobId)), expected);
  }
});

Deno.test("What a shell says about the death of its child stays a code", async () => {
  await using test = await TestWorker.open();
  const job = await test.ran("sh -c 'kill -KILL $$'; exit $?");
  const expected = { status: "failed", reason: "exited", exitStatus: { code: 137 } };
  assert.deepEqual(outcomeOf(job), expected);
});

Deno.test({
  name: "Death by a real-time signal is recorded by its number",
  // Deno has no name for such a signal, and forgets to close what it holds of the child.
  sanitizeResources: false,
  async fn() {
    await using test = await TestWorker.open();
    for (const number of [34, 50, 64]) {
      const exitStatus = { signal: `SIG${number}` };
      const outcome = outcomeOf(await test.ran(`kill -${number} $$`));
      assert.deepEqual(outcome, { status: "failed", reason: "signaled", exitStatus });
    }
  },
});

Deno.test("A job says when it ended, and how much it printed", async () => {
  await using test = await TestWorker.open();
  const job = await test.ran("printf 12345; printf 123 >&2");
  assert.deepEqual([job.stdoutBytes, job.stderrBytes, job.outputTruncated], [5, 3, false]);
  assert.ok(job.end && beganAt(job) <= job.end.finishedAt && job.end.finishedAt <= Date.now());
  assert.deepEqual(await test.worker.get(job.jobId), job);
  assert.deepEqual(await test.worker.list({}, { limit: 10 }), [job]);
});

Deno.test("A job that leaves a process behind ends at once, with what it printed", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("sleep 1000 & echo hi");
  const { stdout, finishedJob } = await test.read(job.jobId);
  assert.equal(stdout, "hi\n");
  assert.equal(finishedJob.outputTruncated, false);
  assert.deepEqual(outcomeOf(finishedJob).exitStatus, { code: 0 });
  assert.deepEqual(await liveProcesses([job.pid]), []);
});

Deno.test("A process that a job leaves behind may print its last words", async () => {
  await using test = await TestWorker.open();
  const child = `trap "echo bye; exit" TERM; echo ready; while :; do sleep 0.01; done`;
  const job = await test.sh(`(${child}) & wait`);
  await test.printed(job.jobId, "ready");
  Deno.kill(job.pid, "SIGKILL");
  const { stdout, finishedJob } = await test.read(job.jobId);
  assert.equal(stdout, "ready\nbye\n");
  assert.deepEqual(outcomeOf(finishedJob).exitStatus, { signal: "SIGKILL" });
});

Deno.test("A process that a job leaves behind is killed if it ignores SIGTERM", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("(trap '' TERM; echo ready; exec sleep 1000) & wait");
  await test.printed(job.jobId, "ready");
  Deno.kill(job.pid, "SIGKILL");
  await test.worker.wait(job.jobId);
  assert.deepEqual(await liveProcesses([job.pid]), []);
});

Deno.test("A job runs on when it has closed its outputs", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("trap 'exit 5' TERM; exec >&- 2>&-; while :; do sleep 0.01; done");
  await until(() => Deno.readLink(`/proc/${job.pid}/fd/2`).then(() => false, () => true));
  assert.equal((await test.worker.get(job.jobId)).end, null);
  Deno.kill(job.pid, "SIGTERM");
  const expected = { status: "failed", reason: "exited", exitStatus: { code: 5 } };
  assert.deepEqual(outcomeOf(await test.worker.wait(job.jobId)), expected);
});

Deno.test("A job that has closed one output still prints into the other", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("echo out; exec >&-; echo err >&2");
  const { stdout, stderr } = await test.read(job.jobId);
  assert.deepEqual([stdout, stderr], ["out\n", "err\n"]);
});

Deno.test("outputTruncated tells of a process that has left the session", async () => {
  await using test = await TestWorker.open({ cgroups: false });
  const job = await test.shWithEscaped("exec sleep 1000");
  const { stdout, finishedJob } = await test.read(job.jobId);
  await killEscaped(stdout);
  assert.equal(finishedJob.outputTruncated, true);
  assert.equal(finishedJob.end?.status, "done");
});

Deno.test("A process that has left the session and prints for ever does not keep the job", async () => {
  await using test = await TestWorker.open({ cgroups: false });
  // It goes on although nobody reads it any more, or it could be gone before it is killed.
  const job = await test.shWithEscaped(
    'trap "" PIPE; while :; do echo again; sleep 0.01; done',
  );
  const { stdout, finishedJob } = await test.read(job.jobId);
  await killEscaped(stdout);
  assert.equal(finishedJob.outputTruncated, true);
  assert.equal(finishedJob.stdoutBytes, stdout.length);
});

Deno.test("Input that a process outside the session holds open is given up at the end of the job", async () => {
  await using test = await TestWorker.open({ cgroups: false });
  const script = "exec 3<&0; setsid sleep 1000 <&3 >/dev/null 2>&1 & echo $!; read -r _";
  const job = await test.start({ name: "sh", args: ["-c", script] }, {
    execution: { hasInput: true },
  });
  // This is more than the pipe holds: the job reads one line, and the rest is left to the other process.
  const data = new TextEncoder().encode(`\n${"x".repeat(1024 * 1024)}`);
  let failure: unknown;
  const written = rejection(test.worker.writeInput(job.jobId, 0, data));
  void written.then((error) => failure = error);
  const { stdout } = await test.read(job.jobId);
  await until(() => Promise.resolve(failure !== undefined));
  assert.match(String(failure), /The input of the job is closed/);
  assert.match(await Deno.readLink(`/proc/${parseInt(stdout)}/fd/0`), /^pipe:/);
  await killEscaped(stdout);
});

Deno.test("Two jobs at once do not mix", async () => {
  await using test = await TestWorker.open();
  const jobs = await Promise.all(
    ["a", "b", "c"].map((letter) =>
      test.sh(`i=0; while [ $i -lt 300 ]; do echo ${letter}; echo ${letter} >&2; i=$((i+1)); done`)
    ),
  );
  const logs = await Promise.all(jobs.map(({ jobId }) => test.read(jobId)));
  for (const [index, letter] of ["a", "b", "c"].entries()) {
    const expected = `${letter}\n`.repeat(300);
    assert.equal(logs[index]?.stdout, expected);
    assert.equal(logs[index]?.stderr, expected);
  }
});

/** The times of a job's records, and that of its end. */
async function timesOf(test: TestWorker, jobId: string): Promise<[number[], number]> {
  const { batches, finishedJob: { end } } = await test.read(jobId);
  return [batches.flatMap(({ records }) => records.map(({ time }) => time)), end?.finishedAt ?? 0];
}

Deno.test("No record is younger than the end of its job, whoever wrote it", async () => {
  await using test = await TestWorker.open();
  // What is left behind prints when it is told to end, after the end of the leader.
  const leftovers =
    "(trap 'sleep 0.3; echo late; exit' TERM; : >\"$1\"; while :; do sleep 0.01; done) &";
  const { jobId } = await test.sh(
    `echo early; ${leftovers} until [ -e "$1" ]; do sleep 0.01; done; exit 0`,
    `${test.directory}/ready`,
  );
  const { stdout } = await test.read(jobId);
  assert.equal(stdout, "early\nlate\n");
  const [times, end] = await timesOf(test, jobId);
  assert.deepEqual([times.at(-1), times.toSorted((a, b) => a - b)], [end, times]);
});

Deno.test("Many short jobs have no record that is younger than their end", async () => {
  await using test = await TestWorker.open();
  const jobs = await Promise.all(
    Array.from({ length: 60 }, () => test.ran("echo out; echo err >&2")),
  );
  for (const job of jobs) {
    const [times, end] = await timesOf(test, job.jobId);
    assert.equal(times.length, 2);
    for (const time of times) {
      assert.ok(beganAt(job) <= time && time <= end, `${time} after ${end}`);
    }
  }
});

Deno.test("A clock that is set forward while a job prints ends the job no earlier than that", async () => {
  await using test = await TestWorker.open({ isWithin: true });
  using clock = fakeClock(1_700_000_000_000);
  const job = await test.sh(
    "echo early; trap 'echo late; exit' USR1; echo ready; while :; do sleep 0.01; done",
  );
  await test.printed(job.jobId, "ready");
  clock.now += 3_600_000;
  Deno.kill(job.pid, "SIGUSR1");
  const [times, end] = await timesOf(test, job.jobId);
  assert.equal(times.at(-1), beganAt(job) + 3_600_000);
  assert.equal(end, times.at(-1));
});
