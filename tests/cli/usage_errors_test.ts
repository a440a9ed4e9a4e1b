import { describeGrammar, parse } from "../../lib/cli/grammar.ts";
import { assert } from "../assert.ts";
import { usageErrorOf, verbOf } from "./parsing.ts";

Deno.test("parse() says what is wrong with a line, and where help is", () => {
  const lines: [string, RegExp][] = [
    ["strat ls", /^Unknown command 'strat'\n\(Did you mean start\?\)\nSee: worker-cli --help$/],
    ["help strat", /^Unknown command 'strat'\n\(Did you mean start\?\)\nSee: worker-cli --help$/],
    ["help rm", /^There is no rm: .*worker-cli prune/],
    [
      "logs all 0199 --folow",
      /'--folow'\n\(Did you mean --follow\?\)\nSee: worker-cli logs --help$/,
    ],
    ["list finished", /'finished' is invalid.* all, queued, running, failed, cancelled, done/],
    ["logs both 0199", /"both" is not among all, stdout, stderr/],
    ["logs", /^The job is missing: logs all <jobId>\nSee: worker-cli logs --help$/],
    ["logs stderr", /^The job is missing: logs stderr <jobId>\nSee: worker-cli logs --help$/],
    ["logs all 0199 more", /^Too many arguments/],
    ["start", /^Missing required argument 'command'\nSee: worker-cli start --help$/],
    ["start --", /^Missing required argument 'command'/],
    ["start --frobnicate -- ls", /^Unknown option '--frobnicate'/],
    ["status", /^Missing required argument 'jobId'/],
    ["status a b", /^Too many arguments/],
    ["stop 0199 --grace soon", /Duration "soon" is not valid: .*10s/],
    ["stop 0199 --grace 1441m", /"1441m" is too long: it can be at most 1d/],
    ["update 0199 --timeout 99999d", /"99999d" is too long: it can be at most 3650d/],
    ["run --timeout 3651d -- ls", /"3651d" is too long/],
    ["run --grace 25h -- ls", /"25h" is too long/],
    ["logs all 0199 --tail -1", /"-1" is not a whole number/],
    ["logs all 0199 --tail 4294967296", /is not a whole number from 0 to 4294967295/],
    ["logs all 0199 --since yesterday", /is not valid: use a duration such as 10m/],
    ["logs all 0199 --since 1m --tail 3", /cannot be used with/],
    ["run --memory 512 -- ls", /--memory.*512 bytes is too small; did you mean 512MiB\?/],
    ["run --log-limit 64 -- ls", /--log-limit.*did you mean 64MiB\?/],
    ["list --label .a=x", /".a" is not the name of a label: it must be 1 to 63 letters, digits/],
    ["stop --all --label a_=x", /"a_" is not the name of a label/],
    ["start --label a=1 --label =2 -- ls", /"=2" is not NAME=VALUE/],
    ["start --label é=1 -- ls", /"é" is not the name of a label/],
    ["list --limit 0", /"0" is not a whole number from 1/],
    ["--address localhost health", /"localhost" is not host:port/],
    ["--address localhost:0 health", /"localhost:0" is not host:port/],
    ["--address ::1:8080 health", /"::1:8080" is not host:port/],
    ["--address http:\/\/h:80 health", /is not host:port/],
    ["--address h:65536 health", /is not host:port/],
    ["certs make", /'make' is invalid.*add, renew, list, revoke/],
    ["certs add alice", /Certs add needs --role: admin, operator, viewer/],
    ["certs add --role admin", /Certs add needs a user name/],
    ["certs add alice --role root", /"root" is not a role: the roles are admin, operator, viewer/],
    ["certs add alice --role admin --days 0", /not a number of days from 1 to 3650/],
    ["certs add alice --role admin --days 3651", /not a number of days from 1 to 3650/],
    ["certs add alice --role admin --force", /Certs add takes no --force/],
    ["certs --role admin", /Certs without an action takes no --role/],
    ["certs renew --force", /Certs renew takes no --force/],
    ["certs revoke", /Certs revoke needs a user name/],
    ["certs revoke al --ca-key k", /Certs revoke takes no --ca-key/],
    ["certs list al", /Certs list takes no name/],
    ["--address [::1%lo]:80 health", /is not host:port.*a zone, such as %lo, cannot be used/],
    ["health --cert", /argument missing/],
    ["--bogus", /^Unknown option '--bogus'/],
  ];
  for (const [line, message] of lines) assert.match(usageErrorOf(line), message, line);
  assert.match(usageErrorOf([]), /^The subcommand is missing\n\nUsage: worker-cli/);
});

Deno.test("parse() lets no option have a number whose unit is anybody's guess", () => {
  const tried: string[] = [];
  for (const { name, options } of describeGrammar().commands) {
    for (const { flags, long } of options.filter(({ flags }) => /<(duration|when)>/.test(flags))) {
      // It is one option, which all subcommands have.
      if (long === "--keep-connection" && name !== "list") continue;
      tried.push(`${name} ${long}`);
      const args = {
        list: ["list"],
        ps: ["ps"],
        prune: ["prune"],
        audit: ["audit"],
        logs: ["logs", "all", "0199"],
      }[name] ??
        [name, "0199"];
      const [command = "", ...others] = args;
      const why = flags.includes("<when>")
        ? '"30" is ambiguous: did you mean 30s (seconds before now) or @30 (1970-01-01T00:00:30.000Z)?'
        : 'Duration "30" has no unit: did you mean 30s (seconds) or 30d (days)?';
      const message = usageErrorOf([command, `${long}=30`, ...others]);
      assert.ok(message.includes(why), `${name} ${long}: ${message}`);
    }
  }
  assert.deepEqual(tried.sort(), [
    "audit --since",
    "list --keep-connection",
    "list --since",
    "list --until",
    "logs --since",
    "prune --older-than",
    "ps --since",
    "ps --until",
    "run --grace",
    "run --timeout",
    "start --grace",
    "start --timeout",
    "stop --grace",
    "update --timeout",
  ]);
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
