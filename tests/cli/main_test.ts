import type { JobClient } from "../../lib/cli/job_client.ts";
import { JobWorkerError, type JobWorkerErrorOptions, NO_JOB_USER } from "../../lib/errors.ts";
import { main } from "../../lib/cli/main.ts";
import { assert } from "../assert.ts";
import { DONE, FakeIo, JOB_ID, jobOf, lister, rejection, runCli } from "./fake_daemon.ts";

Deno.test("main() prints help to stdout with 0 and wrong usage to stderr with 2", async () => {
  const help = await runCli(["--help"]);
  assert.equal(help.exitStatus, 0);
  assert.match(help.stdout, /^Usage: worker-cli /);
  assert.equal(help.stderr, "");

  const wrong = await runCli(["strat", "ls"]);
  assert.equal(wrong.exitStatus, 2);
  assert.equal(wrong.stdout, "");
  assert.match(wrong.stderr, /^worker-cli: Unknown command 'strat'\n/);

  const evil = await runCli(["\x1b]0;owned\x07"]);
  assert.match(evil.stderr, /'\\x1b\]0;owned\\x07'/);
});

Deno.test("main() says what to do next about each way not to reach the daemon", async () => {
  const advice: [string, RegExp][] = [
    ["ECONNREFUSED", /running at 0\.0\.0\.0:8080\?.*deno task start/],
    ["ENOTFOUND", /--address 0\.0\.0\.0:8080/],
    ["TIMEOUT", /reached from here/],
    ["SILENT", /only just been started, try again.*is it a Job Worker daemon/],
    ["NOT_GRPC", /which port it serves gRPC.*--address/],
    ["NOT_TLS", /which port it serves gRPC.*--address/],
    ["SERVER_CERTIFICATE_UNTRUSTED", /"certs\/ca-cert\.pem".*--ca/],
    ["SERVER_CERTIFICATE_EXPIRED", /deno task certs renew server/],
    ["SERVER_NAME_MISMATCH", /renew server --host NAME/],
    ["CLIENT_CERTIFICATE_REFUSED", /"certs\/client-cert\.pem".*ask whoever runs the daemon/],
  ];
  for (const [reason, words] of advice) {
    const connectError = new JobWorkerError("unavailable", "Cannot connect", { reason });
    const { exitStatus, stdout, stderr } = await runCli(["list"], {}, { connectError });
    assert.equal(exitStatus, 125);
    assert.equal(stdout, "");
    assert.match(stderr, /^worker-cli: Cannot connect\n/);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /^\s+at |--force/m);
  }
});

Deno.test("main() shows a stack with --debug only, and escapes what the daemon says", async () => {
  const getJob = () => Promise.reject(new JobWorkerError("not_found", "No job \x1b[31m"));
  const plain = await runCli(["status", JOB_ID], { getJob });
  assert.equal(
    plain.stderr,
    "worker-cli: No job \\x1b[31m\nTo see your jobs: worker-cli list all\n",
  );
  assert.equal(plain.exitStatus, 125);
  const debug = await runCli(["status", JOB_ID, "--debug"], { getJob });
  assert.match(debug.stderr, /^\s+at /m);
  assert.ok(!debug.stderr.includes("\x1b"));
});

Deno.test("main() names the certificate when permission is denied", async () => {
  const denied = async (options: JobWorkerErrorOptions) => {
    const error = new JobWorkerError("permission_denied", "You may not", options);
    const startJob = () => Promise.reject(error);
    return await runCli(["start", "--cert", "v.pem", "--", "ls"], { startJob });
  };
  const { exitStatus, stderr } = await denied({});
  assert.equal(exitStatus, 125);
  assert.match(stderr, /"v\.pem"/);
  assert.equal((await denied({ reason: NO_JOB_USER })).stderr, "worker-cli: You may not\n");
});

Deno.test("main() exits with 2 when the daemon finds an argument invalid", async () => {
  const startJob = () => Promise.reject(new JobWorkerError("invalid_argument", "Command is empty"));
  assert.equal((await runCli(["start", "--", ""], { startJob })).exitStatus, 2);
});

Deno.test("main() calls an error that nobody foresaw a fault of its own", async () => {
  const getJob = () => Promise.reject(new TypeError("Not a function"));
  const { exitStatus, stderr } = await runCli(["status", JOB_ID], { getJob });
  assert.equal(exitStatus, 125);
  assert.match(stderr, /bug in worker-cli/);
});

Deno.test("main() ends quietly when nobody reads its output", async () => {
  const io = new FakeIo({ getJob: () => Promise.resolve(jobOf()) });
  io.stdout.closed = true;
  assert.equal(await main(["status", JOB_ID], io), 141);
  assert.equal(io.stderr.text, "");
});

Deno.test("main() leaves with 130 on Ctrl-C, also while it connects", async () => {
  const waiting = new FakeIo({ waitJob: (_, options) => rejection(options) });
  waiting.interrupt();
  assert.equal(await main(["wait", JOB_ID], waiting), 130);
  assert.equal(waiting.stderr.text, "");

  class Unreachable extends FakeIo {
    override readonly connect = () => new Promise<never>(() => {});
  }
  const connecting = new Unreachable({});
  const exitStatus = main(["health"], connecting);
  connecting.interrupt();
  assert.equal(await exitStatus, 130);
});

Deno.test("main() tells on a terminal that it connects again", async () => {
  const waited = Promise.withResolvers<ReturnType<typeof jobOf>>();
  const io = new FakeIo({ waitJob: () => waited.promise }, { terminal: true });
  const exitStatus = main(["wait", JOB_ID], io);
  io.breakConnection();
  await io.stderr.includes("Lost the connection to 0.0.0.0:8080; reconnecting…\n");
  waited.resolve(jobOf({ end: DONE }));
  assert.equal(await exitStatus, 0);
});

Deno.test("main() tells on a terminal that it waits for a daemon, but not when asked for its health", async () => {
  const io = new FakeIo({ getJob: () => Promise.resolve(jobOf()) }, { terminal: true });
  const exitStatus = main(["status", JOB_ID], io);
  io.beSilent?.();
  const words = "0.0.0.0:8080 accepts connections but does not answer yet; waiting…\n";
  await io.stderr.includes(words);
  assert.equal(await exitStatus, 0);

  const asked = new FakeIo({ checkHealth: () => Promise.resolve("serving") });
  assert.equal(await main(["health"], asked), 0);
  assert.equal(asked.beSilent, undefined);
});

Deno.test("main() takes the beginning of a job id that only one job has", async () => {
  const other = "0199a1b2-c3d4-7e5f-8a9b-ffffffffffff";
  const jobs = [jobOf(), jobOf({ jobId: other, end: DONE })];
  const asked: string[] = [];
  const calls = {
    listJobs: lister(jobs),
    getJob: ({ jobId }: { jobId: string }) => {
      asked.push(jobId);
      return Promise.resolve(jobOf({ jobId }));
    },
  };
  assert.equal((await runCli(["status", "0199A1B2-C3D4-7E5F-8A9B-F"], calls)).exitStatus, 0);
  assert.equal(
    (await runCli(["status", JOB_ID.toUpperCase()], { getJob: calls.getJob })).exitStatus,
    0,
  );
  assert.deepEqual(asked, [other, JOB_ID]);

  const ambiguous = await runCli(["status", "0199"], calls);
  assert.equal(ambiguous.exitStatus, 125);
  assert.equal(
    ambiguous.stderr,
    'worker-cli: The ids of several jobs begin or end with "0199"; type more of it:\n' +
      `  ${JOB_ID}  running  sh -c 'echo hi'\n  ${other}  done: exit code 0  sh -c 'echo hi'\n`,
  );

  const unknown = await runCli(["status", "0198"], calls);
  assert.equal(unknown.exitStatus, 125);
  assert.match(unknown.stderr, /begins or ends with "0198"\n.*worker-cli list all/);
});

Deno.test("main() refuses what cannot be a job id without asking the daemon", async () => {
  for (
    const id of [
      "",
      "019",
      "../etc",
      "0199\0",
      "@first",
      "a b",
      `${JOB_ID}0`,
      "1".repeat(1_000_000),
    ]
  ) {
    for (const verb of [["stop"], ["status"], ["output"], ["wait"], ["logs", "all"]]) {
      const { exitStatus, stderr } = await runCli([...verb, id]);
      assert.equal(exitStatus, 2);
      assert.match(
        stderr,
        /^worker-cli: ".*" is no job: use its id, the beginning or end of it \(at least 4/,
      );
      assert.ok(stderr.length < 300);
    }
  }
});

Deno.test("main() shows no more than ten candidates for a beginning", async () => {
  const jobs = Array.from(
    { length: 30 },
    (_, index) => jobOf({ jobId: `${JOB_ID.slice(0, -2)}${index + 10}` }),
  );
  const { stderr } = await runCli(["status", "0199"], { listJobs: lister(jobs) });
  assert.equal(stderr.split("\n").filter((line) => line.includes(JOB_ID.slice(0, -2))).length, 10);
  assert.match(stderr, /\n {2}and more\n$/);
  // A page may hold no more than one job, if jobs are large.
  const one = () => Promise.resolve({ jobs: jobs.slice(0, 1), nextPageToken: JOB_ID });
  const { exitStatus, stderr: ofOne } = await runCli(["status", "0199"], { listJobs: one });
  assert.equal(exitStatus, 125);
  assert.match(ofOne, /^worker-cli: The ids of several jobs [^]*\n {2}and more\n$/);
});

Deno.test("main() closes the connection, however the call of it ends", async () => {
  const ends: readonly (readonly [JobClient["waitJob"], number])[] = [
    [() => Promise.resolve(jobOf({ end: DONE })), 0],
    [() => Promise.reject(new JobWorkerError("internal", "A fault")), 125],
    [(_request, options) => rejection(options), 130],
  ];
  for (const [waitJob, expected] of ends) {
    let closed = 0;
    const called = Promise.withResolvers<void>();
    const io = new FakeIo({
      waitJob: (request, options) => {
        called.resolve();
        return waitJob(request, options);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(void closed++),
    });
    const exitStatus = main(["wait", JOB_ID], io);
    await called.promise;
    if (expected === 130) io.interrupt();
    assert.deepEqual([await exitStatus, closed], [expected, 1]);
  }
});

Deno.test("permissions tells what a line may write beyond what all may, and for all others nothing", async () => {
  const home = { HOME: "/home/al" };
  const cases: Readonly<Record<string, string>> = {
    "certs --dir /c": "--allow-write=/c\n--allow-sys=hostname\n",
    "certs add al --role viewer --dir /c --deny-list /d/list": "--allow-write=/c\n",
    "certs renew --dir /c --deny-list /d/list --ca-key /k/key": "--allow-write=/c\n",
    "certs revoke al --dir /c": "--allow-write=/c\n",
    "certs revoke al --dir /c --deny-list /d/list": "--allow-write=/c,/d\n",
    "certs list --dir /c --deny-list /d/list": "",
    "certs --dir /a,b": "",
    "context add prod --address localhost:1": "--allow-write=/home/al/.config/job-worker\n",
    "context use prod": "--allow-write=/home/al/.config/job-worker\n",
    "context list": "",
    "list": "",
    "no-such-verb": "",
  };
  for (const [line, flags] of Object.entries(cases)) {
    const told = await runCli(["permissions", ...line.split(" ")], {}, { environment: home });
    assert.deepEqual(told, { exitStatus: 0, stdout: flags, stderr: "" }, line);
  }
});
