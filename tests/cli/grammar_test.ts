import { fc } from "../random.ts";
import { describeGrammar } from "../../lib/cli/grammar.ts";
import type { Settings, Verb } from "../../lib/cli/invocation.ts";
import { SETTINGS } from "../../lib/cli/settings.ts";
import { assert } from "../assert.ts";
import { invocationOf, newJob, settingsOf, textOf, usageErrorOf, verbOf } from "./parsing.ts";

const DEFAULTS: Settings = {
  debug: false,
  address: "0.0.0.0:8080",
  cert: "certs/client-cert.pem",
  key: "certs/client-key.pem",
  ca: "certs/ca-cert.pem",
  keepConnection: 0,
  json: false,
  color: true,
};

Deno.test("parse() reads every form of the usage with the defaults", () => {
  const forms: [string, Verb][] = [
    ["start -- ls -l", { kind: "start", job: newJob("ls", "-l") }],
    ["run -- ls -l", { kind: "run", job: newJob("ls", "-l") }],
    ["stop 0199", { kind: "stop", jobId: "0199", stopSignal: "", gracePeriodMs: null }],
    ["status 0199", { kind: "status", jobId: "0199" }],
    ["output 0199", { kind: "output", jobId: "0199" }],
    ["wait 0199", { kind: "wait", jobId: "0199" }],
    ["health", { kind: "health" }],
    ["certs", { kind: "certs", action: "make", directory: "certs", force: false, hosts: [] }],
  ];
  for (const [line, verb] of forms) {
    assert.deepEqual(invocationOf(line.split(" ")), { settings: DEFAULTS, verb }, line);
  }
  for (const streams of ["all", "stdout", "stderr"] as const) {
    for (const follow of [false, true]) {
      assert.deepEqual(verbOf("logs", streams, "0199", ...(follow ? ["--follow"] : [])), {
        kind: "logs",
        jobId: "0199",
        streams: streams === "all" ? [] : [streams],
        follow,
        start: { kind: "first" },
        timestamps: false,
      });
    }
  }
  for (const status of ["all", "running", "failed", "cancelled", "done"] as const) {
    const verb = { kind: "list", status, owner: "", labels: {}, watch: false };
    assert.deepEqual(verbOf("list", status), verb);
  }
  assert.deepEqual(verbOf("list"), verbOf("list", "all"));
});

Deno.test("parse() takes the common options before and after the subcommand", () => {
  const options = [
    ["--debug"],
    ["--address=localhost:1"],
    ["--cert", "c.pem"],
    ["--key=k.pem"],
    ["--ca", "a.pem"],
    ["--keep-connection", "10m"],
    ["--json"],
    ["--no-color"],
  ];
  const expected: Settings = {
    debug: true,
    address: "localhost:1",
    cert: "c.pem",
    key: "k.pem",
    ca: "a.pem",
    keepConnection: 600_000,
    json: true,
    color: false,
  };
  const flat = options.flat();
  for (const line of [["list", "all"], ["logs", "all", "0199"], ["status", "0199"], ["health"]]) {
    assert.deepEqual(settingsOf([...flat, ...line]), expected);
    assert.deepEqual(settingsOf([...line, ...flat]), expected);
    const [verb = "", ...rest] = line;
    assert.deepEqual(settingsOf([verb, ...flat, ...rest]), expected);
  }
  for (const option of options) {
    const others = options.filter((other) => other !== option).flat();
    assert.deepEqual(settingsOf([...others, "start", ...option, "--", "ls"]), expected);
  }
  assert.equal(settingsOf(["--ca", "before", "health", "--ca", "after"]).ca, "after");
});

Deno.test("parse() takes the variables where the command line is silent", () => {
  const variables = {
    WORKER_ADDRESS: "[::1]:2",
    WORKER_CERT: "c",
    WORKER_KEY: "k",
    WORKER_CA: "a",
    WORKER_KEEP_CONNECTION: "90s",
    WORKER_JSON: "1",
    WORKER_DEBUG: "true",
    WORKER_NO_COLOR: "yes",
  };
  // WORKER_CONTEXT stands for the others, see context_test.ts.
  assert.deepEqual(
    [...Object.keys(variables), "WORKER_CONTEXT"].toSorted(),
    Object.values(SETTINGS).map(({ variable }) => variable).toSorted(),
  );
  assert.deepEqual(settingsOf(["health"], variables), {
    debug: true,
    address: "[::1]:2",
    cert: "c",
    key: "k",
    ca: "a",
    keepConnection: 90_000,
    json: true,
    color: false,
  });
  assert.equal(settingsOf(["health", "--address", "h:3"], variables).address, "h:3");
  assert.deepEqual(settingsOf(["health"], { WORKER_ADDRESS: "", WORKER_JSON: "0" }), DEFAULTS);
  assert.equal(settingsOf(["health"], { NO_COLOR: "1" }).color, false);
  assert.equal(settingsOf(["health"], { NO_COLOR: "" }).color, true);
  assert.equal(settingsOf(["health", "--keep-connection=0"], variables).keepConnection, 0);
  assert.match(usageErrorOf(["health", "--keep-connection", "8d"]), /keep-connection.*at most 7d/);
  assert.match(
    usageErrorOf(["health"], { WORKER_ADDRESS: "here" }),
    /^WORKER_ADDRESS: .*host:port/,
  );
  assert.match(
    usageErrorOf(["health"], { WORKER_JSON: "maybe" }),
    /^WORKER_JSON: must be true or false/,
  );
});

Deno.test("parse() passes every argument of a command on untouched", () => {
  const anyWord = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("--", "-", "", "-h", "--help", "--version", "--json", "--env", "help", "start"),
  );
  fc.assert(
    fc.property(
      fc.constantFrom("start" as const, "run" as const),
      anyWord,
      fc.array(anyWord),
      (kind, name, args) => {
        const verb = { kind, job: newJob(name, ...args) };
        assert.deepEqual(verbOf(kind, "--", name, ...args), verb);
        assert.deepEqual(verbOf(kind, "--json", "--", name, ...args), verb);
        if (!name.startsWith("-")) assert.deepEqual(verbOf(kind, name, ...args), verb);
      },
    ),
  );
});

Deno.test("parse() prints help for the program and for each subcommand, and the version", () => {
  const help = textOf("--help");
  assert.equal(textOf("-h"), help);
  for (
    const form of [
      "[options] start -- <command>...",
      "(stop|status|output) <jobId>",
      "logs (all|stdout|stderr) <jobId> [--follow]",
      "list (all|running|failed|cancelled|done)",
      "-h | --help | --version",
      "Exit status:",
      ...Object.values(SETTINGS).map(({ flags }) => flags),
    ]
  ) assert.ok(help.includes(form), form);

  const verbs = "start run stop signal update status output logs list wait health certs".split(" ");
  for (const verb of verbs) {
    assert.match(help, new RegExp(`^  ${verb} `, "m"));
    const text = textOf(verb, "--help");
    assert.match(text, new RegExp(`^Usage: worker-cli ${verb} `));
    assert.equal(textOf(verb, "-h"), text);
    assert.equal(textOf("help", verb), text);
    assert.equal(textOf("--json", verb, "--help"), text);
    for (const { flags } of Object.values(SETTINGS)) assert.ok(text.includes(flags), flags);
  }
  for (const { name, arguments: words } of describeGrammar().commands) {
    const [, section = ""] = textOf(name, "--help").split("\nArguments:\n");
    for (const word of words) {
      const [, about = ""] =
        new RegExp(`^  ${word.name} +(.+(?:\\n {10,}.+)*)`, "m").exec(section) ??
          [];
      assert.notEqual(about, "", `${name} ${word.name}`);
      for (const choice of word.choices) {
        assert.ok(about.includes(`"${choice}"`), `${name} ${choice}`);
      }
    }
  }
  const lines = describeGrammar().commands.flatMap(({ name }) =>
    textOf(name, "--help").split("\n")
  );
  for (const line of [...help.split("\n"), ...lines]) assert.ok(line.length <= 80, line);
  assert.match(textOf("--version"), /^\d+\.\d+\.\d+ \(source\)\n$/);
});
