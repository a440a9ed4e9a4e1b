import { parse } from "../../lib/cli/grammar.ts";
import type { RestCall, RestVerb, Settings } from "../../lib/cli/invocation.ts";
import { assert } from "../assert.ts";
import { JOB_ID } from "./fake_daemon.ts";
import { invocationOf } from "./parsing.ts";

function restInvocationOf(
  args: readonly string[],
  variables: Record<string, string> = {},
): { verb: RestVerb; settings: Settings } {
  const { verb, settings } = invocationOf(args, variables);
  assert.ok(verb.kind === "rest");
  return { verb, settings };
}

Deno.test("parse() reads the forms of REST with their defaults", () => {
  const forms: [string, RestCall][] = [
    ["--health", { kind: "health" }],
    ["--start -- ls -l --status", { kind: "start", command: "ls", args: ["-l", "--status"] }],
    ["--start -- list", { kind: "start", command: "list", args: [] }],
    [`--stop ${JOB_ID.toUpperCase()}`, { kind: "stop", jobId: JOB_ID }],
    [`--stop=${JOB_ID}`, { kind: "stop", jobId: JOB_ID }],
    [`--status ${JOB_ID}`, { kind: "status", jobId: JOB_ID }],
  ];
  for (const [line, call] of forms) {
    const { verb, settings } = restInvocationOf(line.split(" "));
    const defaults = { kind: "rest", address: "0.0.0.0:8443", user: "", passwordFile: "" };
    assert.deepEqual(verb, { ...defaults, call }, line);
    assert.equal(settings.ca, "certs/ca-cert.pem");
    assert.equal(settings.json, false);
  }
});

Deno.test("parse() reads the options of REST on both sides, and their variables", () => {
  const line = "--rest-address h:1 --user u --password-file p --ca c --json --debug";
  for (const args of [`${line} --status ${JOB_ID}`, `--status ${JOB_ID} ${line}`]) {
    const { verb, settings } = restInvocationOf(args.split(" "));
    const call = { kind: "status", jobId: JOB_ID };
    assert.deepEqual(verb, { kind: "rest", call, address: "h:1", user: "u", passwordFile: "p" });
    assert.deepEqual([settings.ca, settings.json, settings.debug], ["c", true, true]);
  }
  const { verb, settings } = restInvocationOf(["--health"], {
    WORKER_REST_ADDRESS: "[::1]:8443",
    WORKER_USER: "u",
    WORKER_PASSWORD_FILE: "p",
    WORKER_CA: "c",
  });
  assert.deepEqual([verb.address, verb.user, verb.passwordFile, settings.ca], [
    "[::1]:8443",
    "u",
    "p",
    "c",
  ]);
});

Deno.test("parse() says what is wrong with a line that uses REST", () => {
  const lines: [string, RegExp][] = [
    ["--health --status 0199", /--health and --status cannot be used together/],
    ["--start", /--start needs a command/],
    ["--stop", /^--stop needs a value\n/],
    ["--health now", /--health does not take "now"/],
    ["--status 0199 0200", /--status does not take "0200"/],
    ["--health --rest-address nowhere", /^--rest-address: Address "nowhere"/],
    ["--health --address h:1", /--address/],
    ["--health --password secret", /--password/],
    ["--status x --frob", /^Unknown option "--frob"\n/],
    ["--stop 0199", /^--stop "0199": must be the full id of a job, such as \S+\nSee/],
    ["--status 0199", /^--status "0199": must be the full id/],
  ];
  for (const [line, words] of lines) {
    const parsed = parse(line.split(" "), () => undefined);
    assert.ok(parsed.kind === "usage_error", line);
    assert.match(parsed.message, words);
    assert.match(parsed.message, /See: worker-cli --help$/);
  }
});

Deno.test("parse() leaves the subcommands their words", () => {
  const start = parse(["start", "--", "ls", "--status", "x"], () => undefined);
  assert.ok(start.kind === "invocation" && start.invocation.verb.kind === "start");
  const addressed = parse(["--address", "h:1", "status", "0199"], () => undefined);
  assert.ok(addressed.kind === "invocation" && addressed.invocation.verb.kind === "status");
  for (const line of ["list --status x", "logs all x --health", "list --user u"]) {
    assert.equal(parse(line.split(" "), () => undefined).kind, "usage_error", line);
  }
  const help = parse(["--help"], () => undefined);
  assert.ok(help.kind === "text");
  assert.match(help.text, /--health \| --start -- <command>/);
  assert.match(help.text, /--rest-address/);
});
