/** What reaches the daemon of each line, and by what each call of it ends. */

import type { CallOptions, JobClient } from "../../lib/cli/job_client.ts";
import { describeGrammar } from "../../lib/cli/grammar.ts";
import { main } from "../../lib/cli/main.ts";
import { inWordsOfLine, OPTION_OF_FIELD } from "../../lib/cli/option_fields.ts";
import { SETTINGS } from "../../lib/cli/settings.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { protoField } from "../../lib/grpc/field_names.ts";
import { JOB_METHODS, METHODS } from "../../lib/service/methods.ts";
import { requestFields } from "../../lib/service/requests.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { FakeIo, JOB_ID, jobOf, rejection } from "./fake_daemon.ts";
import { type Call, DONE_JOB, HOST, LINES, type Method, OTHER_ID } from "./seam_lines.ts";

/** The verbs that do without a daemon. */
const LOCAL_VERBS = ["certs", "context", "completions", "version"];

/** What others call a verb of ours, with the same options. */
const ALIASES = ["ps", "kill"];

/** The verbs that talk to a daemon by gRPC. */
const VERBS = [
  ...new Set(JOB_METHODS.flatMap((method) => METHODS[method].cli.map(verbOf))),
  "health",
];

function verbOf(form: string): string {
  return form.split(" ")[0] ?? "";
}

/** A client that answers at once, unless a method is to wait, and what was asked of it. */
function recorder(waitsFor?: Method) {
  const calls: Call[] = [];
  const waiting = Promise.withResolvers<CallOptions>();
  const answers: Readonly<Record<Method, unknown>> = {
    startJob: jobOf(),
    stopJob: DONE_JOB,
    getJob: DONE_JOB,
    listJobs: {
      jobs: [DONE_JOB, { ...DONE_JOB, jobId: OTHER_ID }],
      nextPageToken: "",
    },
    waitJob: DONE_JOB,
    streamLogs: null,
    watchJobs: null,
    signalJob: DONE_JOB,
    updateJob: DONE_JOB,
    writeInput: { accepted: 0 },
    pruneJobs: { jobs: [], count: 0, bytes: 0 },
    streamAudit: null,
    listHosts: { hosts: [HOST] },
    runJobs: null,
    stopJobs: { failures: [] },
    checkHealth: "serving",
  };
  const answer = async (method: Method, request: unknown, options: CallOptions = {}) => {
    calls.push([method, request]);
    if (method !== waitsFor) return answers[method];
    waiting.resolve(options);
    return await rejection(options);
  };
  const methods = Object.keys(answers) as Method[];
  const client = {
    ...Object.fromEntries(methods.map((method) => [
      method,
      (request: unknown, options?: CallOptions) => answer(method, request, options),
    ])),
    checkHealth: ({ timeoutMs, ...options }: CallOptions) => {
      assert.equal(timeoutMs, 5_000);
      return answer("checkHealth", undefined, options);
    },
    async *streamLogs(request: unknown, options?: CallOptions) {
      await answer("streamLogs", request, options);
      yield { records: [], nextOffset: 0, finishedJob: DONE_JOB };
    },
    async *watchJobs(request: unknown, options?: CallOptions) {
      await answer("watchJobs", request, options);
      yield jobOf();
    },
    async *runJobs(request: unknown, options?: CallOptions) {
      await answer("runJobs", request, options);
      const log = { records: [], nextOffset: 0, finishedJob: DONE_JOB };
      yield { events: [{ host: HOST.name, log }] };
    },
    async *streamAudit(request: unknown, options?: CallOptions) {
      yield { records: [], position: await answer("streamAudit", request, options) };
    },
  } as unknown as JobClient;
  return { client, answers, calls, waiting: waiting.promise };
}

Deno.test("Every line asks the daemon for what it says, and for nothing else", async () => {
  for (const [line, expected] of Object.entries(LINES)) {
    const { client, calls } = recorder();
    assert.equal(await main(line.split(" "), new FakeIo(client)), 0, line);
    assert.deepEqual(calls, expected, line);
  }
});

/** The calls of lines that send their input on, or need a job that runs. */
const INTERACTIVE: typeof LINES = {
  [`restart ${JOB_ID} --stop`]: [["getJob", {}], ["stopJob", {}], ["startJob", {}]],
  "run --interactive -- cat": [["startJob", {}], ["writeInput", {}], ["streamLogs", {}]],
  "run --interactive --queue -- cat": [
    ["startJob", {}],
    ["watchJobs", {}],
    ["writeInput", {}],
    ["streamLogs", {}],
  ],
};

Deno.test("METHODS names the subcommands that call each method, and every subcommand", () => {
  const lines = Object.entries({ ...LINES, ...INTERACTIVE });
  for (const method of JOB_METHODS) {
    const forms: readonly string[] = METHODS[method].cli;
    // With `--all`, a subcommand does something else.
    const isNamed = (line: string) =>
      forms.some((form) =>
        form.split(" ").every((word) => line.split(" ").includes(word)) &&
        form.includes("--all") === line.includes("--all")
      );
    for (const [line, calls] of lines) {
      const isCalled = calls.some(([called]) => called === method);
      assert.equal(isNamed(line), isCalled, `${line}: ${method}`);
    }
  }
  const named = new Set(lines.map(([line]) => verbOf(line)));
  assert.deepEqual([...named].sort(), VERBS.toSorted());
  assert.deepEqual(
    describeGrammar().commands.map(({ name }) => name).sort(),
    [...VERBS, ...LOCAL_VERBS, ...ALIASES].sort(),
  );
});

/** The methods that the command line calls, but for the one without a request. */
const REQUESTS = Object.keys(recorder().answers).filter((method) =>
  method !== "checkHealth"
) as (Exclude<Method, "checkHealth">)[];

/** The fields of what a method is asked, as the daemon names them to clients. */
function fieldsOf(method: Exclude<Method, "checkHealth">): string[] {
  return requestFields(method).filter((field) => field !== "start.kind").map(protoField);
}

Deno.test("Every field that the command line can send has its option, or the word that there is none", () => {
  const fields = new Set(REQUESTS.flatMap(fieldsOf));
  // All of it together may be too long, or more than a single host can do.
  for (const whole of ["command", "on"]) fields.add(whole);
  assert.deepEqual(Object.keys(OPTION_OF_FIELD).sort(), [...fields].sort());
  const { commands } = describeGrammar();
  const words = new Set(commands.flatMap(({ arguments: names, options }) => [
    ...names.map(({ name }) => `<${name}>`),
    ...options.map(({ long }) => long),
  ]));
  for (const option of Object.values(OPTION_OF_FIELD)) {
    assert.ok(option === null || words.has(option), `No line has ${option}`);
  }
});

/** Options that the daemon does not hear of. */
const LOCAL = [
  ...["--all", "--timestamps", "--prefix", "--group", "--parallel", "--waves"],
  ...["--max-failures", "--pause", "--output", "--watch", "--quiet", "--stop"],
];

/** A daemon that refuses one method. */
function refusing(method: Method, error: JobWorkerError): FakeIo {
  const refuse = () => Promise.reject(error);
  const stream = async function* (): AsyncGenerator<never> {
    yield await refuse();
  };
  const isStream = ["streamLogs", "watchJobs", "streamAudit", "runJobs"].includes(method);
  const calls = { ...recorder().client, [method]: isStream ? stream : refuse };
  return new FakeIo(calls, { stdin: { read: () => Promise.resolve(null) } });
}

Deno.test("Whatever the daemon refuses of a line is named as it was typed", async () => {
  const lines: typeof LINES = {
    ...LINES,
    ...INTERACTIVE,
    [`logs all ${JOB_ID} --timestamps`]: [["streamLogs", {}]],
  };
  const named = new Set<string>();
  for (const [line, calls] of Object.entries(lines)) {
    const verb = verbOf(line);
    for (const method of new Set(calls.map(([method]) => method))) {
      if (method === "checkHealth") continue;
      for (const field of fieldsOf(method)) {
        const option = OPTION_OF_FIELD[field];
        if (!option || !`${line} `.includes(`${option} `)) continue;
        named.add(`${verb} ${option}`);
        // The last is that of a right: whose certificate it is has nothing to do with it.
        for (
          const [code, message, expected] of [
            ["invalid_argument", `Invalid ${field} "x": no`, `Invalid ${option} "x": no`],
            ["invalid_argument", `Missing ${field}: no`, `Missing ${option}: no`],
            ["invalid_argument", `Invalid thing "x": no`, `${option}: Invalid thing "x": no`],
            ["invalid_argument", `No; leave out \`${field}\``, `No; leave out ${option}`],
            ["permission_denied", "Cannot do that", `${option}: Cannot do that`],
          ] as const
        ) {
          const io = refusing(method, new JobWorkerError(code, message, { field }));
          assert.notEqual(await main(line.split(" "), io), 0, line);
          const [first = ""] = io.stderr.text.split("\n");
          assert.equal(first, `worker-cli: ${expected}`, line);
          assert.doesNotMatch(io.stderr.text, /certificate/);
        }
      }
    }
  }
  const settings = Object.values(SETTINGS).map(({ flags }) => flags.split(" ")[0] ?? "");
  for (const { name, options } of describeGrammar().commands) {
    if (!VERBS.includes(name)) continue;
    for (const { long } of options) {
      if (settings.includes(long) || LOCAL.includes(long)) continue;
      // What is typed as `--queue=false` is about `--queue`.
      const [option] = long.split("=");
      assert.ok(named.has(`${name} ${option}`), `Nothing of the daemon is about ${name} ${long}`);
    }
  }
});

Deno.test("What the daemon refuses by a field that no line has is told as it comes", () => {
  for (const field of [undefined, "page_token", "of_a_newer_daemon", "toString"]) {
    assert.equal(inWordsOfLine(`Invalid ${field} 1: no`, field), `Invalid ${field} 1: no`);
  }
  const told = (message: string, field: string) => inWordsOfLine(message, field);
  assert.equal(
    told('Invalid filter.labels.a "\\n": no', "filter.labels"),
    'Invalid --label a "\\n": no',
  );
  assert.equal(told("Invalid command: too long", "command"), "Invalid <command>: too long");
  assert.equal(told('Invalid command name "": no', "command.name"), 'Invalid command name "": no');
  // A longer name that begins like this one.
  assert.equal(told("Invalid owners 1: no", "owner"), "--owner: Invalid owners 1: no");
});

Deno.test("Ctrl-C ends every call of every line, a second one where the first has a meaning", async () => {
  const patient = new Set([
    "start startJob",
    "restart startJob",
    "run startJob",
    "run streamLogs",
    "run runJobs",
  ]);
  for (const [line, expected] of Object.entries(LINES)) {
    const verb = verbOf(line);
    for (const method of new Set(expected.map(([method]) => method))) {
      const { client, waiting } = recorder(method);
      const io = new FakeIo(client);
      const exitStatus = main(line.split(" "), io);
      const { signal } = await soon(waiting, () => `${verb} to call ${method}`);
      io.interrupt();
      if (patient.has(`${verb} ${method}`)) {
        assert.equal(signal?.aborted, false, `${verb} ${method}`);
        io.interrupt();
      }
      assert.equal(await soon(exitStatus, () => `${verb} to leave ${method}`), 130, line);
    }
  }
});

Deno.test("An id that was cut short is looked up, and a whole one only written in lower case", async () => {
  for (const typed of ["0199", JOB_ID.slice(0, -1), JOB_ID.slice(0, 8).toUpperCase()]) {
    const { client, calls } = recorder();
    const listJobs: JobClient["listJobs"] = (request) => {
      calls.push(["listJobs", request]);
      return Promise.resolve({ jobs: [DONE_JOB], nextPageToken: "" });
    };
    assert.equal(await main(["status", typed], new FakeIo({ ...client, listJobs })), 0);
    assert.deepEqual(calls, [
      ...[{ jobIdPrefix: typed.toLowerCase() }, { jobIdSuffix: typed.toLowerCase() }].map((
        filter,
      ) => ["listJobs", { filter, pageSize: 10, pageToken: "" }]),
      ["getJob", { jobId: JOB_ID }],
    ]);
  }
  const { client, calls } = recorder();
  assert.equal(await main(["status", JOB_ID.toUpperCase()], new FakeIo(client)), 0);
  assert.deepEqual(calls, [["getJob", { jobId: JOB_ID }]]);
  for (const typed of ["019", `${JOB_ID}0`, "019/"]) {
    const io = new FakeIo({});
    assert.equal(await main(["status", typed], io), 2, typed);
    assert.match(io.stderr.text, / is no job: use its id, the beginning or end of it/);
  }
});

Deno.test("A completion asks for the ids that begin so, and for those that have not ended where others are of no use", async () => {
  const { client, calls } = recorder();
  const lines = [
    ...["restart", "stop", "signal", "kill", "update", "status", "output", "logs all", "wait"],
  ];
  const takeIds = describeGrammar().commands.filter((command) =>
    command.arguments.some(({ name }) => name === "jobId")
  );
  assert.deepEqual(lines.map(verbOf), takeIds.map(({ name }) => name));
  for (const verb of lines) {
    const line = ["__complete", "--", ...verb.split(" "), "0199"];
    const io = new FakeIo(client);
    assert.equal(await main(line, io), 0);
    assert.match(io.stdout.text, new RegExp(`^${JOB_ID}\\t`));
    const isLive = ["stop", "wait", "signal", "kill", "update"].includes(verb);
    const filter = isLive ? { statuses: ["queued", "running"] } : {};
    const page = { pageSize: 50, pageToken: "" };
    assert.deepEqual(calls.splice(0), [
      ["listJobs", { filter, own: true, ...page }],
      // For the ends of ids.
      ["listJobs", { filter, ...page }],
      ["listJobs", { filter: { ...filter, jobIdPrefix: "0199" }, ...page }],
    ], verb);
  }
});
