import { helpText } from "../../lib/config/help_text.ts";
import { type DaemonOptions, OPTION_ROWS } from "../../lib/config/options.ts";
import { parseOptions } from "../../lib/config/parse_options.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { DEFAULT_OPTIONS, flagOf, OPTION_NAMES, OPTION_SAMPLES } from "./option_samples.ts";

/** What a command line means, with these variables set. */
function options(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): DaemonOptions {
  const invocation = parseOptions(args, (name) => variables[name]);
  assert.ok(invocation.kind === "run");
  return invocation.options;
}

/** Why a command line is refused. */
function refusal(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): string {
  try {
    options(args, variables);
  } catch (error) {
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "invalid_argument");
    return error.message;
  }
  return assert.fail(`It was accepted: ${args}`);
}

Deno.test("parseOptions() has the default of every option, and reads it from its flag and its variable", () => {
  assert.deepEqual(options([]), DEFAULT_OPTIONS);
  assert.deepEqual(OPTION_ROWS.map(({ name }) => name), OPTION_NAMES.map(flagOf));
  for (const name of OPTION_NAMES) {
    const { text, value } = OPTION_SAMPLES[name];
    const expected = { ...DEFAULT_OPTIONS, [name]: value };
    const flag = flagOf(name);
    assert.deepEqual(options([`--${flag}=${text}`]), expected, flag);
    const variable = `WORKER_DAEMON_${flag.replaceAll("-", "_").toUpperCase()}`;
    assert.deepEqual(options([], { [variable]: text }), expected, variable);
  }
});

Deno.test("parseOptions() takes what each option of a path, host and user may be, and off", () => {
  assert.equal(options(["--rest-address=off"]).restAddress, null);
  assert.equal(options(["--metrics-address=off"]).metricsAddress, null);
  assert.deepEqual(options(["--metrics-address=[::]:9464"]).metricsAddress, {
    hostname: "::",
    port: 9464,
  });
  for (const wrong of [":9464", "65536", "127.0.0.1", "http://127.0.0.1:9464", "on"]) {
    assert.match(
      refusal([`--metrics-address=${wrong}`]),
      /^--metrics-address "[^"]+": must be a port, such as 9464, which is then on 127.0.0.1, host:port, or off/,
    );
  }
  assert.equal(options(["--allow-users=*"]).allowUsers, "any");
  assert.deepEqual(options(["--allow-users=a,,b,"]).allowUsers, ["a", "b"]);
  const longest = "u".repeat(32);
  assert.equal(options([`--job-user=${longest}`]).jobUser, longest);
  for (const wrong of [`${longest}u`, "0user", "a b", "root\n"]) {
    assert.match(refusal([`--job-user=${wrong}`]), /must be the name of a user/);
    assert.match(refusal([`--allow-users=ok,${wrong}`]), /must be the name of a user/);
  }
  for (const [text, gateways] of [["1", 1], ["64", 64]] as const) {
    assert.equal(options([`--gateways=${text}`]).gateways, gateways);
  }
  assert.equal(options(["--retain-count=0"]).retainCount, 0);
  assert.equal(options(["--retain-count=999999999"]).retainCount, 999_999_999);
});

Deno.test("parseOptions() takes what bounds the audit trail, and what is to be masked in it", () => {
  const { auditLimit, auditAgeMs, auditMask } = options([
    "--audit-limit=off",
    "--audit-age=forever",
    "--audit-mask=off",
  ]);
  assert.deepEqual([auditLimit, auditAgeMs, auditMask], [Infinity, Infinity, []]);
  assert.deepEqual(options(["--audit-mask=pin , *TAN*"]).auditMask, ["pin", "*TAN*"]);
  const limit = "must be at least 1MiB, or off";
  assert.equal(refusal(["--audit-limit=1023KiB"]), `--audit-limit "1023KiB": ${limit}`);
  assert.equal(refusal(["--audit-limit=5"]), `--audit-limit "5": ${limit}; did you mean 5MiB?`);
  assert.equal(
    refusal(["--audit-keep=0"]),
    '--audit-keep "0": must be a whole number from 1 to 9999',
  );
  for (const names of ["", "*", "a b", "a*b*c*", Array(101).fill("pin").join()]) {
    assert.match(
      refusal(["--audit-mask", names]),
      /^--audit-mask ".*": must be usual, off, or up to/,
    );
  }
});

Deno.test("parseOptions() takes a value after = or as the next word, and the last of several", () => {
  assert.partialDeepStrictEqual(
    options([
      "--address=[::1]:0",
      "--cert",
      "a=b.pem",
      "--key=c=d.pem",
      "--shutdown-grace=1m30s",
      "--debug",
      "--gateways=1",
      "--gateways=4",
    ]),
    {
      address: { hostname: "::1", port: 0 },
      cert: "a=b.pem",
      key: "c=d.pem",
      shutdownGraceMs: 90_000,
      debug: true,
      gateways: 4,
    },
  );
  assert.equal(options(["--debug=no"]).debug, false);
});

Deno.test("parseOptions() takes flags before variables, and variables before defaults", () => {
  const variables = {
    WORKER_DAEMON_DATA_DIR: "/from/variable",
    WORKER_DAEMON_SHUTDOWN_GRACE: "5s",
    WORKER_DAEMON_DEBUG: "yes",
    WORKER_DAEMON_ADDRESS: "",
    // This variable is the CLI's.
    WORKER_ADDRESS: "elsewhere:1",
  };
  assert.partialDeepStrictEqual(options(["--data-dir=/from/flag"], variables), {
    dataDir: "/from/flag",
    shutdownGraceMs: 5_000,
    debug: true,
    address: { hostname: "0.0.0.0", port: 8080 },
  });
  assert.equal(options([], variables).dataDir, "/from/variable");
});

Deno.test("parseOptions() names the flag or the variable, its value and what is accepted", () => {
  const hostPort = "must be host:port, such as 0.0.0.0:8080 or [::]:8080";
  for (const wrong of ["8080", "localhost", "a:99999", ":8080", ""]) {
    assert.equal(refusal(["--address", wrong]), `--address ${JSON.stringify(wrong)}: ${hostPort}`);
  }
  const brackets = `${hostPort}; write an IPv6 address in brackets, followed by its port`;
  for (const wrong of ["::1:8080", "[::1]"]) {
    assert.equal(refusal(["--address", wrong]), `--address ${JSON.stringify(wrong)}: ${brackets}`);
  }
  const zone = `${hostPort}; an address with a zone, such as %lo, cannot be used`;
  assert.equal(refusal(["--rest-address=[::1%lo]:1"]), `--rest-address "[::1%lo]:1": ${zone}`);
  assert.equal(
    refusal([], { WORKER_DAEMON_ADDRESS: "8080" }),
    `WORKER_DAEMON_ADDRESS "8080": ${hostPort}`,
  );
  assert.equal(refusal(["--cert="]), '--cert "": must be the path of a file');
  assert.equal(refusal(["--key", "a\0"]), '--key "a\\u0000": must be the path of a file');
  assert.equal(refusal(["--debug=perhaps"]), '--debug "perhaps": must be true or false');
  assert.match(refusal(["--shutdown-grace=soon"]), /^--shutdown-grace "soon": .*10s, 1m30s/);
  for (const wrong of ["0", "65", "-1", "1.5", "two"]) {
    assert.equal(
      refusal([`--gateways=${wrong}`]),
      `--gateways "${wrong}": must be a whole number from 1 to 64`,
    );
  }
});

Deno.test("parseOptions() refuses what it does not know rather than to ignore it", () => {
  for (const wrong of ["--port", "-d"]) {
    assert.equal(refusal([wrong]), `Unknown option "${wrong}": see --help`);
  }
  assert.equal(refusal(["--port=1"]), 'Unknown option "--port": see --help');
  for (const wrong of [["run"], [""], ["--", "--debug=true"]]) {
    const word = JSON.stringify(wrong.at(-1));
    assert.equal(refusal(wrong), `Unexpected argument ${word}: see --help`);
  }
  assert.match(refusal(["--Address=a:1"]), /^Unknown .* did you mean --address\?$/);
  assert.match(refusal(["--retian-count=1"]), /did you mean --retain-count\?$/);
  assert.match(refusal(["--chek-config"]), /did you mean --check-config\?$/);
  for (const line of [["--data-dir"], ["--data-dir", "--debug"], ["--data-dir", "--cert=x"]]) {
    assert.equal(refusal(line), "--data-dir needs a value: see --help");
  }
  assert.equal(refusal(["--check-config=no"]), "--check-config takes no value: see --help");
});

Deno.test("parseOptions() refuses a bound on all logs below what a log has by default", () => {
  assert.equal(options(["--max-log-limit=256MiB"]).maxLogLimit, 256 * 1024 ** 2);
  assert.equal(
    refusal(["--max-log-limit=255MiB"]),
    "--log-limit 256MiB is more than --max-log-limit 255MiB: raise that as well",
  );
  assert.match(refusal([], { WORKER_DAEMON_LOG_LIMIT: "2GiB" }), /2GiB is more than .* 1GiB/);
  assert.equal(options(["--log-limit=2GiB", "--max-log-limit=1TiB"]).logLimit, 2 * 1024 ** 3);
});

Deno.test("parseOptions() refuses two answers to the question which user jobs run as", () => {
  assert.match(
    refusal(["--job-user-map=map", "--job-user=build"]),
    /^--job-user "build" and --job-user-map "map" cannot both be given: .*"\* build"/,
  );
  assert.equal(options(["--job-user-map=map", "--job-user="]).jobUserMap, "map");
});

Deno.test("parseOptions() takes ids for jobs that no other user can have, and nothing beside them", () => {
  assert.deepEqual(options(["--job-uids=1000-1000"]).jobUids, { first: 1_000, last: 1_000 });
  const highest = options(["--job-uids=65535-2147483646"]).jobUids;
  assert.deepEqual(highest, { first: 65_535, last: 2_147_483_646 });
  const wrong = ["999-2000", "2000-1999", "2000", "1000-65534", "65534-70000", "1000-2147483647"];
  for (const range of [...wrong, "0x3e8-2000", "-1000", "1000-", " 1000-2000", "1e3-1e4"]) {
    const why = refusal([`--job-uids=${range}`]);
    assert.match(why, /^--job-uids ".*": must be a range of user ids, such as 200000-265535/);
  }
  assert.match(
    refusal(["--job-uids=1000-2000", "--job-user=build"]),
    /^--job-uids and --job-user cannot both be given/,
  );
  assert.match(
    refusal(["--job-uids=1000-2000", "--job-user-map=map"]),
    /^--job-uids and --job-user-map cannot both be given/,
  );
  assert.equal(options(["--job-uids=1000-1009", "--max-running=10"]).maxRunning, 10);
  assert.equal(
    refusal(["--job-uids=1000-1009", "--max-running=11"]),
    "--max-running 11 is more than --job-uids has ids for, 10: choose a larger range, or a lower number",
  );
});

Deno.test("parseOptions() refuses defaults and bounds that no job could have", () => {
  const refused: [string, string][] = [
    ["--timeout=3651d", "must be at most 3650d"],
    ["--max-timeout=3651d", "must be at most 3650d"],
    // It is longer than a timer can count, which would go off at once.
    ["--shutdown-grace=25h", "must be at most 1d"],
    ["--log-limit=64", "must be at least 1MiB; did you mean 64MiB?"],
    ["--max-log-limit=1048575", "must be at least 1MiB"],
    ["--retain-count=1000000000", "must be a whole number from 0 to 999999999"],
    ["--max-running=0", "must be a whole number from 1 to 1000000, or auto"],
    ["--max-running-per-user=many", "must be a whole number from 1 to 1000000, or auto"],
  ];
  for (const [line, why] of refused) {
    const [flag = "", value] = line.split("=");
    assert.equal(refusal([line]), `${flag} "${value}": ${why}`);
  }
  const most = "--timeout=3650d --max-timeout=3650d --shutdown-grace=24h --log-limit=1048576";
  assert.partialDeepStrictEqual(options(most.split(" ")), {
    timeoutMs: 315_360_000_000,
    maxTimeoutMs: 315_360_000_000,
    shutdownGraceMs: 86_400_000,
    logLimit: 1_048_576,
  });
  assert.equal(
    refusal(["--timeout=2h", "--max-timeout=1h"]),
    "--timeout 2h is more than --max-timeout 1h: raise that as well",
  );
  assert.equal(options(["--timeout=1h", "--max-timeout=1h"]).timeoutMs, 3_600_000);
});

Deno.test("parseOptions() takes no duration without a unit, wherever it comes from", () => {
  const durations = OPTION_ROWS.filter(({ placeholder }) => placeholder === "duration");
  assert.deepEqual(durations.map(({ name }) => name).sort(), [
    "audit-age",
    "max-timeout",
    "retain-age",
    "shutdown-grace",
    "timeout",
  ]);
  const why = 'Duration "30" has no unit: did you mean 30s (seconds) or 30d (days)? ' +
    "The units are ms, s, m, h and d";
  for (const { name, variable } of durations) {
    assert.equal(refusal([`--${name}=30`]), `--${name} "30": ${why}`);
    assert.equal(refusal([], { [variable]: "30" }), `${variable} "30": ${why}`);
    const file = { path: "job-worker.json", texts: new Map([[name, "30"]]) };
    assert.throws(() => parseOptions([], () => undefined, file), {
      code: "invalid_argument",
      message: `"${name}" in job-worker.json "30": ${why}`,
    });
  }
});

Deno.test("parseOptions() sees a wish for help before anything that is wrong", () => {
  const none = () => undefined;
  assert.deepEqual(parseOptions(["--nonsense", "--help"], none), { kind: "help" });
  assert.deepEqual(parseOptions(["-h"], none), { kind: "help" });
  assert.deepEqual(parseOptions(["--version"], none), { kind: "version" });
});

Deno.test("helpText() lists every option with its default, as it must be written", () => {
  const text = helpText();
  const flags = [...text.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag = ""]) => flag);
  // They are what to read options from and what to do with them.
  assert.deepEqual(flags.splice(-2), ["config", "check-config"]);
  assert.equal(flags.length, Object.keys(options([])).length);
  for (const flag of flags) assert.match(refusal([`--${flag}=\0`]), new RegExp(`^--${flag}[: ]`));
  for (const [, flag = "", standard] of text.matchAll(/^ {2}--([a-z-]+).*\[([^\]\s]+)\]$/gm)) {
    assert.deepEqual(options([`--${flag}=${standard}`]), options([]), flag);
  }
});

Deno.test("parseOptions() reads public origins as browsers write them, and nothing that is more or less", () => {
  assert.deepEqual(options([]).publicOrigins, []);
  assert.deepEqual(
    options(["--public-origins=https://Jobs.example:443/, https://[2001:DB8::1]:8443"])
      .publicOrigins,
    ["https://jobs.example", "https://[2001:db8::1]:8443"],
  );
  for (
    const wrong of [
      "jobs.example",
      "http://jobs.example",
      "https://jobs.example/path",
      "https://jobs.example?x",
      "https://a:b@jobs.example",
      "https://*.example",
      "*",
      "https://",
      "null",
    ]
  ) {
    assert.match(
      refusal([`--public-origins=https://good.example,${wrong}`]),
      /must be https:\/\/host or https:\/\/host:port, without a path/,
      wrong,
    );
  }
});

Deno.test("parseOptions() gives no port away twice", () => {
  const twice = "--address and --rest-address are both port 8080: each needs one of its own";
  for (const rest of ["0.0.0.0:8080", "127.0.0.1:8080", "[::]:8080"]) {
    assert.equal(refusal([`--rest-address=${rest}`]), twice);
  }
  const apart = ["--address=127.0.0.1:8080", "--rest-address=127.0.0.2:8080"];
  assert.equal(options(apart).restAddress?.hostname, "127.0.0.2");
  assert.equal(options(["--address=[::]:0", "--rest-address=[::]:0"]).address.port, 0);
  assert.equal(
    refusal(["--metrics-address=8443"]),
    "--rest-address and --metrics-address are both port 8443: each needs one of its own",
  );
});

Deno.test("parseOptions() says no value that may have a secret in it", () => {
  for (
    const wrong of [
      "--registry=postgres://hub:secret@db.example/fleet",
      "--registry=postgres://hub@db.example/fleet?password=secret",
      "--notify=http://hooks.example/secret",
      "--notify=https://hub:secret@hooks.example/",
    ]
  ) {
    const said = refusal([wrong]);
    assert.doesNotMatch(said, /secret/);
    assert.equal(said.startsWith(wrong.replace(/=.*/, ": ")), true, said);
  }
});
