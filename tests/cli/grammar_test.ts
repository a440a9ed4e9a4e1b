import { fc } from "../random.ts";
import { describeGrammar, parse } from "../../lib/cli/grammar.ts";
import type { Invocation, Settings, Verb } from "../../lib/cli/invocation.ts";
import { SETTINGS } from "../../lib/cli/settings.ts";
import { assert } from "../assert.ts";

const DEFAULTS: Settings = {
  debug: false,
  address: "0.0.0.0:8080",
  cert: "certs/client-cert.pem",
  key: "certs/client-key.pem",
  ca: "certs/ca-cert.pem",
  json: false,
  color: true,
};

function invocationOf(args: readonly string[], variables: Record<string, string> = {}): Invocation {
  const parsed = parse(args, (name) => variables[name]);
  assert.equal(parsed.kind, "invocation", JSON.stringify(parsed));
  assert.ok(parsed.kind === "invocation");
  return parsed.invocation;
}

function verbOf(...args: string[]): Verb {
  return invocationOf(args).verb;
}

function settingsOf(args: readonly string[], variables: Record<string, string> = {}): Settings {
  return invocationOf(args, variables).settings;
}

function usageErrorOf(args: readonly string[], variables: Record<string, string> = {}): string {
  const parsed = parse(args, (name) => variables[name]);
  assert.equal(parsed.kind, "usage_error", JSON.stringify(parsed));
  return parsed.kind === "usage_error" ? parsed.message : "";
}

function textOf(...args: string[]): string {
  const parsed = parse(args, () => undefined);
  assert.equal(parsed.kind, "text", JSON.stringify(parsed));
  return parsed.kind === "text" ? parsed.text : "";
}

const newJob = (name: string, ...args: string[]) => ({
  command: { name, args, env: {}, workingDirectory: "" },
  labels: {},
  requestId: "",
});

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
    const verb = { kind: "list", status, owner: "", labels: {}, limit: Infinity };
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
    ["--json"],
    ["--no-color"],
  ];
  const expected: Settings = {
    debug: true,
    address: "localhost:1",
    cert: "c.pem",
    key: "k.pem",
    ca: "a.pem",
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
    json: true,
    color: false,
  });
  assert.equal(settingsOf(["health", "--address", "h:3"], variables).address, "h:3");
  assert.deepEqual(settingsOf(["health"], { WORKER_ADDRESS: "", WORKER_JSON: "0" }), DEFAULTS);
  assert.equal(settingsOf(["health"], { NO_COLOR: "1" }).color, false);
  assert.equal(settingsOf(["health"], { NO_COLOR: "" }).color, true);
  assert.match(
    usageErrorOf(["health"], { WORKER_ADDRESS: "here" }),
    /^WORKER_ADDRESS: .*host:port/,
  );
  assert.match(usageErrorOf(["health"], { WORKER_JSON: "maybe" }), /^WORKER_JSON: "maybe"/);
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

Deno.test("parse() reads the options of start and run", () => {
  const words = "--env A=1 --env B= --env=C=x=y --cwd /tmp --label k=v --request-id r -- ls";
  for (const kind of ["start", "run"] as const) {
    assert.deepEqual(verbOf(kind, ...words.split(" ")), {
      kind,
      job: {
        command: {
          name: "ls",
          args: [],
          env: { A: "1", B: "", C: "x=y" },
          workingDirectory: "/tmp",
        },
        labels: { k: "v" },
        requestId: "r",
      },
    });
  }
  const verb = verbOf("start", "--env", "__proto__=x", "--", "ls");
  assert.deepEqual(verb.kind === "start" && Object.entries(verb.job.command.env), [
    ["__proto__", "x"],
  ]);
  assert.match(usageErrorOf(["start", "--env", "A", "--", "ls"]), /"A" is not NAME=VALUE/);
  assert.match(usageErrorOf(["start", "--env", "=1", "--", "ls"]), /"=1" is not NAME=VALUE/);
  assert.match(
    usageErrorOf(["run", "--label", "a=1", "--label", "a=2", "--", "ls"]),
    /"a" is given twice/,
  );
});

Deno.test("parse() reads the options of stop, logs, list and certs", () => {
  assert.deepEqual(verbOf("stop", "0199", "--signal", "int", "--grace", "1m30s"), {
    kind: "stop",
    jobId: "0199",
    stopSignal: "int",
    gracePeriodMs: 90_000,
  });
  const logs = { kind: "logs", jobId: "0199", streams: [] };
  assert.deepEqual(verbOf("logs", "-ft", "all", "0199", "--tail=0"), {
    ...logs,
    follow: true,
    timestamps: true,
    start: { kind: "tail", lines: 0 },
  });
  assert.deepEqual(verbOf("logs", "all", "0199", "--since", "10m", "--timestamps"), {
    ...logs,
    follow: false,
    timestamps: true,
    start: { kind: "ago", ms: 600_000 },
  });
  assert.deepEqual(verbOf("logs", "all", "0199", "--since", "2026-07-31T11:30:00+02:00", "-f"), {
    ...logs,
    follow: true,
    timestamps: false,
    start: { kind: "since", time: 1_785_490_200_000 },
  });
  assert.deepEqual(
    verbOf("list", "done", "--owner", "al", "--label", "a=1", "--label", "b=2", "--limit", "7"),
    { kind: "list", status: "done", owner: "al", labels: { a: "1", b: "2" }, limit: 7 },
  );
  assert.deepEqual(verbOf("certs", "--dir", "d", "--force", "--host", "a", "--host", "10.0.0.1"), {
    kind: "certs",
    action: "make",
    directory: "d",
    force: true,
    hosts: ["a", "10.0.0.1"],
  });
});

Deno.test("parse() reads what certs is to do with one certificate", () => {
  const usual = { kind: "certs", directory: "certs", caKey: "", denyList: "" };
  assert.deepEqual(verbOf("certs", "add", "alice", "--role", "operator"), {
    ...usual,
    action: "add",
    user: "alice",
    roles: ["operator"],
    days: 365,
  });
  const words =
    "add al --role viewer,admin --role viewer --days 7 --ca-key k --dir d --deny-list l";
  assert.deepEqual(verbOf("certs", ...words.split(" ")), {
    kind: "certs",
    action: "add",
    directory: "d",
    caKey: "k",
    denyList: "l",
    user: "al",
    roles: ["viewer", "admin"],
    days: 7,
  });
  const renew = { ...usual, action: "renew", days: 365, hosts: [] };
  assert.deepEqual(verbOf("certs", "renew"), { ...renew, name: "all" });
  assert.deepEqual(verbOf("certs", "renew", "server", "--host", "h", "--days", "3650"), {
    ...renew,
    name: "server",
    hosts: ["h"],
    days: 3650,
  });
  assert.deepEqual(verbOf("certs", "list"), { ...usual, action: "list" });
  assert.deepEqual(verbOf("certs", "revoke", "al"), { ...usual, action: "revoke", user: "al" });
});

Deno.test("parse() says what is wrong with a line, and where help is", () => {
  const lines: [string, RegExp][] = [
    ["strat ls", /^Unknown command 'strat'\n\(Did you mean start\?\)\nSee: worker-cli --help$/],
    [
      "logs all 0199 --folow",
      /'--folow'\n\(Did you mean --follow\?\)\nSee: worker-cli logs --help$/,
    ],
    ["list finished", /'finished' is invalid.* all, running, failed, cancelled, done/],
    ["logs both 0199", /'both' is invalid.* all, stdout, stderr/],
    ["logs 0199", /^Missing required argument 'jobId'|'0199' is invalid/],
    ["start", /^Missing required argument 'command'\nSee: worker-cli start --help$/],
    ["start --", /^Missing required argument 'command'/],
    ["start --frobnicate -- ls", /^Unknown option '--frobnicate'/],
    ["status", /^Missing required argument 'jobId'/],
    ["status a b", /^Too many arguments/],
    ["stop 0199 --grace soon", /Duration "soon" is not understood: .*10s/],
    ["logs all 0199 --tail -1", /"-1" is not a whole number/],
    ["logs all 0199 --tail 4294967296", /is not a whole number from 0 to 4294967295/],
    ["logs all 0199 --since yesterday", /neither a duration, for example 10m, nor a time/],
    ["logs all 0199 --since 1m --tail 3", /cannot be used with/],
    ["run --memory 512 -- ls", /--memory.*512 bytes is too small; did you mean 512MiB\?/],
    ["run --log-limit 64 -- ls", /--log-limit.*did you mean 64MiB\?/],
    ["list --limit 0", /"0" is not a whole number from 1/],
    ["--address localhost health", /"localhost" is not host:port/],
    ["--address localhost:0 health", /"localhost:0" is not host:port/],
    ["--address ::1:8080 health", /"::1:8080" is not host:port/],
    ["--address http:\/\/h:80 health", /is not host:port/],
    ["--address h:65536 health", /is not host:port/],
    ["certs make", /'make' is invalid.*add, renew, list, revoke/],
    ["certs add alice", /Certs add needs --role: admin, operator, viewer/],
    ["certs add --role admin", /Certs add needs the name of a user/],
    ["certs add alice --role root", /"root" is no role: there are admin, operator, viewer/],
    ["certs add alice --role admin --days 0", /not a number of days from 1 to 3650/],
    ["certs add alice --role admin --days 3651", /not a number of days from 1 to 3650/],
    ["certs add alice --role admin --force", /Certs add takes no --force/],
    ["certs --role admin", /Certs alone takes no --role/],
    ["certs renew --force", /Certs renew takes no --force/],
    ["certs revoke", /Certs revoke needs the name of a user/],
    ["certs revoke al --ca-key k", /Certs revoke takes no --ca-key/],
    ["certs list al", /Certs list takes no name/],
    ["--address [::1%lo]:80 health", /is not host:port.*a zone, such as %lo, cannot be used/],
    ["health --cert", /argument missing/],
    ["--bogus", /^Unknown option '--bogus'/],
  ];
  for (const [line, message] of lines) assert.match(usageErrorOf(line.split(" ")), message, line);
  assert.match(usageErrorOf([]), /^The subcommand is missing\n\nUsage: worker-cli/);
});

Deno.test("parse() lets no option have a number whose unit is anybody's guess", () => {
  const tried: string[] = [];
  for (const { name, options } of describeGrammar().commands) {
    for (const { flags, long } of options.filter(({ flags }) => /<(duration|when)>/.test(flags))) {
      tried.push(`${name} ${long}`);
      const args = { list: ["list"], prune: ["prune"], logs: ["logs", "all", "0199"] }[name] ??
        [name, "0199"];
      const [command = "", ...others] = args;
      const why = flags.includes("<when>")
        ? '"30" is ambiguous: did you mean 30s, back from now, or @30, 1970-01-01T00:00:30.000Z?'
        : 'Duration "30" has no unit: did you mean 30s, seconds, or 30d, days?';
      const message = usageErrorOf([command, `${long}=30`, ...others]);
      assert.ok(message.includes(why), `${name} ${long}: ${message}`);
    }
  }
  assert.deepEqual(tried.sort(), [
    "list --since",
    "list --until",
    "logs --since",
    "prune --older-than",
    "run --grace",
    "run --timeout",
    "start --grace",
    "start --timeout",
    "stop --grace",
    "update --timeout",
  ]);
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
  assert.match(textOf("--version"), /^\d+\.\d+\.\d+ \(source\)\n$/);
});

Deno.test("parse() takes numbers from their least to their most, and none beyond", () => {
  const bounds: readonly (readonly [line: string, least: number, most: number])[] = [
    ["certs renew --days", 1, 3650],
    ["certs add al --role viewer --days", 1, 3650],
    ["list --limit", 1, 2 ** 32 - 1],
    ["logs all 0199 --tail", 0, 2 ** 32 - 1],
    ["prune --keep", 0, 2 ** 32 - 1],
  ];
  for (const [line, least, most] of bounds) {
    for (const [number, isGood] of [[least, true], [most, true], [most + 1, false]] as const) {
      const { kind } = parse([...line.split(" "), `${number}`], () => undefined);
      assert.equal(kind, isGood ? "invocation" : "usage_error", `${line} ${number}`);
    }
    const { kind } = parse([...line.split(" "), `${least - 1}`], () => undefined);
    assert.equal(kind, "usage_error", `${line} ${least - 1}`);
  }
});

Deno.test("parse() refuses what the daemon would take for not said: anybody's jobs, no limit", () => {
  const lines: readonly (readonly string[])[] = [
    ["stop", "--all", "--owner", ""],
    ["prune", "--keep", "0", "--owner", ""],
    ["list", "--owner", ""],
    ["stop", "0199", "--signal", ""],
    ...["--user", "--cwd", "--umask", "--request-id"].map((
      name,
    ) => ["start", name, "", "--", "ls"]),
    ...["--memory", "--cpus", "--log-limit"].map((name) => ["run", name, "0", "--", "ls"]),
  ];
  for (const line of lines) {
    assert.match(usageErrorOf(line), /leave the option out/, line.join(" "));
  }
  // Here nothing is a number as any other.
  assert.ok(verbOf("start", "--nice", "0", "--", "ls").kind === "start");
  assert.ok(verbOf("prune", "--keep-bytes", "0").kind === "prune");
});
