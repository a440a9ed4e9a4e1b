import { assert } from "../assert.ts";
import type { Command } from "../../lib/grpc/client.ts";
import { sharedDaemon } from "./daemon.ts";
import { processesOf } from "./process.ts";

const daemon = await sharedDaemon();

const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

Deno.test("start prints nothing but the id of the job, and output finds the job by it", async () => {
  const { code, stdout, stderr } = await daemon.cli(["start", "--", "echo", "hello"]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.match(stdout, new RegExp(`${JOB_ID.source.slice(0, -1)}\n$`));
  const output = await daemon.cli(["output", stdout.trim()]);
  assert.equal(output.stdout, "hello\n");
});

Deno.test("start --json prints the job that is running", async () => {
  const from = Date.now();
  const { code, stdout } = await daemon.cli([
    "start",
    "--json",
    "--label=a=b",
    "--env=X=1",
    "--cwd=/tmp",
    "--",
    "sh",
    "-c",
    "sleep 1000 # ünï",
  ]);
  assert.equal(code, 0);
  const job = JSON.parse(stdout);
  assert.match(job.jobId, JOB_ID);
  const { jobId, pid, startDate } = job;
  assert.partialDeepStrictEqual(job, {
    command: {
      name: "sh",
      args: ["-c", "sleep 1000 # ünï"],
      env: { X: "1" },
      workingDirectory: "/tmp",
    },
    status: "running",
    owner: "admin",
    finishDate: null,
    exitStatus: null,
    reason: null,
    stdoutBytes: 0,
    stderrBytes: 0,
    labels: { a: "b" },
    outputTruncated: false,
  });
  assert.ok((await processesOf([jobId])).includes(pid));
  const startedAt = Date.parse(startDate);
  assert.ok(startedAt >= from && startedAt <= Date.now());
  assert.equal(startDate, new Date(startedAt).toISOString());
  assert.equal((await daemon.cli(["stop", jobId])).code, 0);
});

Deno.test("start passes each word on as it is, and a clean environment", async () => {
  const words = ["a b", "", "--json", "$HOME", "'\"\\", "ü\n\t€"];
  const [printed, environment, directory] = await Promise.all([
    daemon.cli(["run", "--", "printf", "<%s>", ...words]),
    daemon.cli(["run", "--env", "B=x=y", "--env", "A=", "--", "env"]),
    daemon.cli(["run", "--cwd", "/usr", "--", "pwd"]),
  ]);
  assert.equal(printed.stdout, words.map((word) => `<${word}>`).join(""));
  assert.equal(directory.stdout, "/usr\n");
  const variables = environment.stdout.trim().split("\n").map((line) => line.split("=")[0]);
  assert.deepEqual(variables.sort(), ["A", "B", "HOME", "JOB_ID", "LANG", "PATH"]);
  assert.match(environment.stdout, /^B=x=y$/m);
});

Deno.test("start with the request id of an earlier start returns that job", async () => {
  const line = ["start", "--request-id", "once", "--", "sh", "-c", "echo started"];
  const starts = await Promise.all([daemon.cli(line), daemon.cli(line), daemon.cli(line)]);
  const ids = new Set(starts.map(({ stdout }) => stdout));
  assert.equal(ids.size, 1);
  const { stdout } = await daemon.cli(["output", [...ids].join("").trim()]);
  assert.equal(stdout, "started\n");
});

Deno.test("start says why a command cannot be started, and no job is made of it", async () => {
  await Deno.writeTextFile(`${daemon.directory}/plain`, "echo no", { mode: 0o644 });
  const label = "--label=fails=yes";
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["--", "no-such-program"], 125, /program "no-such-program": not found in PATH \(.*\/usr\/bin/],
    [["--", "/no/such/program"], 125, /program "\/no\/such\/program": no such file/],
    [["--", `${daemon.directory}/plain`], 125, /plain" *: .*not executable: permission denied/],
    [["--", "/usr"], 125, /program "\/usr": \/usr is a directory/],
    [
      ["--cwd", "/no/such/place", "--", "true"],
      125,
      /: --cwd: .*directory "\/no\/such\/place": no such dir/,
    ],
    [["--cwd", "/etc/passwd", "--", "true"], 125, /directory "\/etc\/passwd": not a directory/],
    [["--cwd", "etc", "--", "true"], 2, /: --cwd: Invalid working directory "etc": must be an/],
    [["--", ""], 2, /Invalid command name "": must not be empty/],
    [["--label", "x y=1", "--", "true"], 2, /"x y" is not the name of a label/],
    [["--request-id", "a\tb", "--", "true"], 2, /Invalid --request-id "a\\tb": .*without control/],
  ];
  const answers = await Promise.all(
    cases.map(([words]) => daemon.cli(["start", label, ...words])),
  );
  for (const [index, [words, code, pattern]] of cases.entries()) {
    const answer = answers[index];
    assert.ok(answer);
    assert.deepEqual([words, answer.code, answer.stdout], [words, code, ""]);
    assert.match(answer.stderr, pattern);
    assert.match(answer.stderr, /^worker-cli: (--[a-z-]+: )?[A-Z]/);
    assert.doesNotMatch(answer.stderr, /\n +at /);
  }
  const { stdout } = await daemon.cli(["list", "all", label]);
  assert.equal(stdout, "");
});

Deno.test("start refuses what execve(2) cannot pass on, of every client", () =>
  daemon.withClient(async (client) => {
    const command: Command = { name: "true", args: [], env: {}, workingDirectory: "" };
    const start = (part: Partial<Command>) =>
      client.startJob({ command: { ...command, ...part }, labels: {}, requestId: "" });
    const invalid = { name: "JobWorkerError", code: "invalid_argument" };
    await assert.rejects(start({ name: "a\0b" }), {
      ...invalid,
      message: 'Invalid command name "a\\u0000b": must not contain NUL or a line end',
    });
    await assert.rejects(start({ args: ["ok", "a\0b"] }), {
      ...invalid,
      message: 'Invalid argument 2 "a\\u0000b": must not contain NUL',
    });
    await assert.rejects(start({ env: { "A=B": "1" } }), { ...invalid, message: /"A=B": must be/ });
    await assert.rejects(start({ env: { A: "\0" } }), { ...invalid, message: /"A" "\\u0000"/ });
    await assert.rejects(start({ workingDirectory: "/tmp\0" }), {
      ...invalid,
      message: /directory/,
    });
    await assert.rejects(start({ args: ["x".repeat(128 * 1024)] }), {
      ...invalid,
      reason: "E2BIG",
      message: /Invalid argument 1 "x+…": 131073 bytes long, .* at most 131072/,
    });
    await assert.rejects(start({ args: Array(30).fill("x".repeat(100 * 1024)) }), {
      ...invalid,
      reason: "E2BIG",
      message: /^Invalid command: .* take 30\d{5} bytes, and at most 2080768 are accepted/,
    });
    await assert.rejects(start({ args: Array(50).fill("x".repeat(100 * 1024)) }), {
      code: "resource_exhausted",
      message: /larger than max/,
    });
    const { jobs } = await client.listJobs({ filter: {}, pageSize: 1000, pageToken: "" });
    assert.ok(jobs.every((job) => job.command.name !== "true"));
  }));

Deno.test("start hands a text without #! to /bin/sh, as execvp(3) does", async () => {
  const path = `${daemon.directory}/script`;
  await Deno.writeTextFile(path, "echo from $0", { mode: 0o755 });
  const { code, stdout } = await daemon.cli(["run", "--", path]);
  assert.deepEqual({ code, stdout }, { code: 0, stdout: `from ${path}\n` });
});
