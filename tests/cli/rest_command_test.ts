import type { RestCalls } from "../../lib/cli/io.ts";
import { main } from "../../lib/cli/main.ts";
import { type ErrorCode, JobWorkerError } from "../../lib/errors.ts";
import type { RestClientOptions } from "../../lib/rest/client.ts";
import { abortable } from "../../lib/async/abortable.ts";
import { assert } from "../assert.ts";
import { FakeIo, type FakeIoOptions, JOB_ID, type Outcome } from "./fake_daemon.ts";

/** A daemon's REST API, and how it was connected to. */
class FakeRest {
  readonly connections: RestClientOptions[] = [];
  readonly calls: unknown[][] = [];
  readonly questions: string[] = [];
  readonly #results: Partial<RestCalls>;
  disposed = 0;

  constructor(results: Partial<RestCalls> = {}) {
    this.#results = results;
  }

  readonly options: FakeIoOptions = {
    connectRest: (options) => {
      this.connections.push(options);
      return Promise.resolve({
        health: this.#call("health", undefined),
        start: this.#call("start", JOB_ID),
        stop: this.#call("stop", undefined),
        status: this.#call("status", "done" as const),
        ...this.#results,
        [Symbol.dispose]: () => void this.disposed++,
      });
    },
    askPassword: (question) => {
      this.questions.push(question);
      return Promise.resolve("typed");
    },
    readTextFile: (path) => Promise.resolve(path === "p" ? "filed\nmore\n" : `PEM of ${path}`),
  };

  async run(line: string, options: FakeIoOptions = {}): Promise<Outcome> {
    const io = new FakeIo({}, { ...this.options, ...options });
    const exitStatus = await main(line.split(" "), io);
    return { exitStatus, stdout: io.stdout.text, stderr: io.stderr.text };
  }

  #call<T>(name: string, result: T) {
    return (...args: unknown[]): Promise<T> => {
      this.calls.push([name, ...args.slice(0, -1)]);
      return Promise.resolve(result);
    };
  }
}

Deno.test("--health, --start, --stop and --status call REST and print what it answers", async () => {
  const lines: [string, string, string, unknown[]][] = [
    ["--health", "ok\n", '{"status":"ok"}\n', ["health"]],
    [
      "--user u --start -- ls -l",
      `${JOB_ID}\n`,
      `{"status":"running","jobId":"${JOB_ID}","error":null}\n`,
      ["start", "ls", ["-l"]],
    ],
    [`--user u --stop ${JOB_ID}`, "", '{"status":"success","error":null}\n', ["stop", JOB_ID]],
    [
      `--user u --status ${JOB_ID}`,
      "done\n",
      '{"status":"success","error":null,"jobStatus":"done"}\n',
      ["status", JOB_ID],
    ],
  ];
  for (const [line, text, json, call] of lines) {
    const rest = new FakeRest();
    assert.deepEqual(await rest.run(line), { exitStatus: 0, stdout: text, stderr: "" });
    assert.equal((await rest.run(`--json ${line}`)).stdout, json);
    assert.deepEqual(rest.calls, [call, call]);
    assert.equal(rest.disposed, 2);
  }
});

Deno.test("The password comes from a file, a variable or the user, and health needs none", async () => {
  const status = `--user u --status ${JOB_ID}`;
  const sources: [string, Record<string, string>, string][] = [
    [`--password-file p ${status}`, { WORKER_PASSWORD: "variable" }, "filed"],
    [status, { WORKER_PASSWORD: "variable" }, "variable"],
    [status, {}, "typed"],
  ];
  for (const [line, environment, password] of sources) {
    const rest = new FakeRest();
    await rest.run(line, { environment });
    assert.deepEqual(rest.connections, [{
      address: "0.0.0.0:8443",
      ca: "PEM of certs/ca-cert.pem",
      credentials: { user: "u", password },
    }]);
    assert.deepEqual(rest.questions, password === "typed" ? ["Password of u: "] : []);
  }
  const rest = new FakeRest();
  await rest.run("--health --ca x --rest-address h:1");
  assert.deepEqual(rest.connections, [{ address: "h:1", ca: "PEM of x" }]);
  const nobody = await rest.run("--start -- ls");
  assert.equal(nobody.exitStatus, 2);
  assert.match(nobody.stderr, /--user or set WORKER_USER/);
});

Deno.test("A call over REST that fails says what to do next", async () => {
  const failures: [ErrorCode, string | undefined, RegExp, number][] = [
    ["unavailable", "ECONNREFUSED", /--rest-address host:port/, 125],
    ["unavailable", "NOT_REST", /which port it serves REST.*--rest-address/, 125],
    ["unavailable", "EPROTO", /which port it serves REST/, 125],
    ["unavailable", "SERVER_CERTIFICATE_UNTRUSTED", /"certs\/ca-cert\.pem".*--ca/, 125],
    ["unavailable", "SERVER_CERTIFICATE_EXPIRED", /certs renew server/, 125],
    ["unavailable", "SERVER_NAME_MISMATCH", /renew server --host NAME/, 125],
    ["unauthenticated", undefined, /worker-daemon user add/, 125],
    ["permission_denied", undefined, /--role/, 125],
    ["invalid_argument", undefined, /^worker-cli: No\n$/, 2],
    ["failed_precondition", undefined, /^worker-cli: No\n$/, 125],
  ];
  for (const [code, reason, words, status] of failures) {
    const error = new JobWorkerError(code, "No", reason === undefined ? {} : { reason });
    const rest = new FakeRest({ stop: () => Promise.reject(error) });
    const { exitStatus, stdout, stderr } = await rest.run(`--user u --stop ${JOB_ID}`);
    assert.match(stderr, words);
    assert.equal(exitStatus, status);
    assert.equal(stdout, "");
    assert.equal(rest.disposed, 1);
  }
});

Deno.test("A call over REST ends with 130 on Ctrl-C", async () => {
  const rest = new FakeRest({
    stop: (_jobId, { signal } = {}) => abortable(new Promise<never>(() => {}), signal),
  });
  const io = new FakeIo({}, rest.options);
  const exitStatus = main(["--user", "u", "--stop", JOB_ID], io);
  io.interrupt();
  assert.equal(await exitStatus, 130);
  assert.match(io.stderr.text, /^worker-cli: Interrupted by SIGINT before the daemon answered: /);
});

Deno.test("--health has its answer within 5 s, or says that there is none", async () => {
  const { setTimeout } = globalThis;
  const limits: number[] = [];
  const rest = new FakeRest({
    health: ({ signal } = {}) => abortable(new Promise<never>(() => {}), signal),
  });
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    limits.push(ms);
    return setTimeout(callback, 0);
  }) as typeof setTimeout;
  try {
    const outcome = rest.run("--health");
    assert.match((await outcome).stderr, /No answer from the daemon/);
  } finally {
    Object.assign(globalThis, { setTimeout });
  }
  assert.deepEqual(limits, [5_000]);
});
