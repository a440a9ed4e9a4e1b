import { assert } from "../assert.ts";
import { sharedDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();

Deno.test("status shows a job as text, and no value of its variables", async () => {
  const jobId = await daemon.ran(
    "echo hi; exit 3",
    "--env=TOKEN=secret",
    "--label=a=b",
    "--cwd=/tmp",
  );
  const { code, stdout, stderr } = await daemon.cli(["status", jobId]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const lines = stdout.trimEnd().split("\n").map((line) => line.split(/: +/, 2));
  const { Process, Started, Finished, Took, ...rest } = Object.fromEntries(lines);
  assert.partialDeepStrictEqual(rest, {
    Job: jobId,
    Command: "sh -c 'echo hi; exit 3'",
    Directory: "/tmp",
    Variables: "TOKEN",
    Status: "failed",
    Owner: "admin",
    Output: "3 bytes on stdout, 0 on stderr",
    Labels: "a=b",
  });
  assert.match(stdout, /^Status: +failed: exit code 3$/m);
  assert.match(`${Process} ${Took}`, /^\d+ \d+m?s$/);
  assert.ok(Date.parse(Started) <= Date.parse(Finished));
});

/**
 * Where jobs may begin: our home by passwd(5) or by `HOME`, which may be another and which not every
 * daemon may read; or, if that is not there, the root.
 */
async function homes(): Promise<(string | undefined)[]> {
  const args = ["passwd", String(Deno.uid())];
  const { stdout } = await new Deno.Command("getent", { args }).output();
  return [new TextDecoder().decode(stdout).split(":")[5], Deno.env.get("HOME"), "/"];
}

Deno.test("status --json has the same members for every job", async () => {
  const scripts = ["exit 0", "exit 3", "kill -SEGV $$", "sleep 1000"];
  const ids = await Promise.all(scripts.map((script) => daemon.sh(script)));
  await Promise.all(ids.slice(0, 3).map((id) => daemon.cli(["wait", id])));
  const answers = await Promise.all(ids.map((id) => daemon.cli(["status", "--json", id])));
  const jobs = answers.map(({ stdout }) => JSON.parse(stdout));
  for (const job of jobs) {
    assert.deepEqual(Object.keys(job), Object.keys(jobs[0]));
    assert.partialDeepStrictEqual(job, {
      owner: "admin",
      command: { name: "sh", env: {} },
      stdoutBytes: 0,
      stderrBytes: 0,
      labels: {},
      outputTruncated: false,
    });
    assert.ok((await homes()).includes(job.command.workingDirectory));
    assert.ok(job.pid > 1 && ids.includes(job.jobId) && Date.parse(job.startDate) > 0);
  }
  assert.deepEqual(jobs.map(({ status, exitStatus, reason }) => [status, exitStatus, reason]), [
    ["done", { code: 0 }, "exited"],
    ["failed", { code: 3 }, "exited"],
    ["failed", { signal: "SIGSEGV" }, "signaled"],
    ["running", null, null],
  ]);
  assert.equal(jobs[3].finishDate, null);
});

Deno.test("status counts the bytes that a running job has printed so far", async () => {
  await using process = daemon.startCli([
    "run",
    "--json",
    "--",
    "sh",
    "-c",
    "echo four; sleep 1000",
  ]);
  const [, jobId = ""] = await process.seen(/"jobId":"([^"]+)"/);
  await process.seen(/"text":"four/);
  const { stdout } = await daemon.cli(["status", "--json", jobId]);
  assert.equal(JSON.parse(stdout).stdoutBytes, 5);
});

Deno.test("status takes the beginning of an id, if that is the beginning of one id only", async () => {
  const ids = [await daemon.sh("exit 0"), await daemon.sh("exit 0")];
  const [id = "", other = ""] = ids;
  // They were made within seconds, and an id begins with the time.
  const [one, ambiguous, none, short, malformed] = await Promise.all([
    daemon.cli(["status", "--json", id.slice(0, -1)]),
    daemon.cli(["status", id.slice(0, 6)]),
    daemon.cli(["status", "0000-"]),
    daemon.cli(["status", id.slice(0, 3)]),
    daemon.cli(["status", "../../etc/passwd"]),
  ]);
  assert.equal(JSON.parse(one.stdout).jobId, id);
  assert.deepEqual([ambiguous.code, ambiguous.stdout], [125, ""]);
  assert.match(ambiguous.stderr, /The ids of several jobs begin or end with .*type more of it/);
  assert.ok(ambiguous.stderr.includes(id) && ambiguous.stderr.includes(other));
  assert.deepEqual([none.code, none.stdout], [125, ""]);
  assert.match(
    none.stderr,
    /There is no job whose id begins or ends with "0000-"\n.*worker-cli list all/,
  );
  for (const { code, stderr } of [short, malformed]) {
    assert.equal(code, 2);
    assert.match(stderr, / is no job: use its id, the beginning or end of it/);
  }
});

Deno.test("status, output, logs, wait and stop find neither a missing job nor somebody else's", async () => {
  const foreign = await daemon.sh("sleep 1000");
  const unknown = `${foreign.slice(0, -4)}0000`;
  const lines = (id: string) => [
    ["status", id],
    ["output", id],
    ["logs", "all", id],
    ["wait", id],
    ["stop", id],
  ];
  const [answers, foreignAnswers] = await Promise.all([
    Promise.all(lines(unknown).map((line) => daemon.cli(line, "operator"))),
    Promise.all(lines(foreign).map((line) => daemon.cli(line, "operator"))),
  ]);
  for (const [index, { code, stdout, stderr }] of answers.entries()) {
    assert.deepEqual([code, stdout], [125, ""]);
    assert.equal(
      stderr,
      `worker-cli: No job "${unknown}"\nTo see your jobs: worker-cli list all\n`,
    );
    const { code: foreignCode, stderr: foreignStderr } = foreignAnswers[index] ?? {};
    assert.deepEqual([foreignCode, foreignStderr], [code, stderr.replace(unknown, foreign)]);
  }
  const { stdout } = await daemon.cli(["status", "--json", foreign]);
  assert.equal(JSON.parse(stdout).status, "running");
});
