import { printVersion } from "../../lib/cli/print_version.ts";
import { assert } from "../assert.ts";
import { textOf, usageErrorOf, verbOf } from "./parsing.ts";

Deno.test("parse() takes the words of docker and kill(1) where ours mean the same", () => {
  const signal = { kind: "signal", jobId: "0199" };
  assert.deepEqual(verbOf("kill", "0199"), { ...signal, signal: "KILL" });
  assert.deepEqual(verbOf("kill", "-9", "0199"), { ...signal, signal: "9" });
  for (const line of ["-s HUP 0199", "-HUP 0199", "0199 -HUP", "--signal HUP 0199"]) {
    const words = ["kill", ...line.split(" ")];
    assert.deepEqual(verbOf(...words), { ...signal, signal: "HUP" }, line);
  }
  assert.deepEqual(verbOf("kill", "-RTMIN+3", "0199"), { ...signal, signal: "RTMIN+3" });
  // What is a job's own stays as it is.
  const run = verbOf("run", "kill", "-15", "1");
  assert.ok(run.kind === "run");
  assert.deepEqual(run.job.command.args, ["-15", "1"]);
  assert.deepEqual(verbOf("ps"), verbOf("list", "running"));
  assert.deepEqual(verbOf("ps", "-a", "-n", "3"), verbOf("list", "all", "--limit", "3"));
  for (const line of ["-V", "version", "--json version"]) {
    assert.equal(textOf(...line.split(" ")), textOf("--version"), line);
  }
});

Deno.test("parse() takes the options of docker where ours mean the same", () => {
  assert.deepEqual(verbOf("run", "-e", "A=1", "x"), verbOf("run", "--env", "A=1", "--", "x"));
});

Deno.test("parse() takes logs of a job without what to print of it", () => {
  const whole = verbOf("logs", "all", "0199", "--tail", "3", "--follow", "--timestamps");
  assert.deepEqual(verbOf("logs", "-n", "3", "-f", "-t", "0199"), whole);
  assert.deepEqual(verbOf("logs", "0199", "-ftn", "3"), whole);
  // A job may be called so.
  assert.deepEqual(verbOf("logs", "all", "all"), { ...verbOf("logs", "0199"), jobId: "all" });
});

Deno.test("parse() says what does what other words mean, and why there is no -t", () => {
  const lines: readonly (readonly [string, RegExp])[] = [
    ["rm 0199", /^There is no rm: .* worker-cli prune --older-than 1d/],
    [
      "exec -it 0199 sh",
      /^There is no exec: .* worker-cli run -- .*no terminal.* no -t: .*run -i$/,
    ],
    ["attach 0199", /^There is no attach: .* worker-cli logs JOB --follow/],
    ["run -it -- sh", /^A job has no terminal, so there is no -t: .*\nSee: worker-cli run --help$/],
    ["start --tty -- sh", /^A job has no terminal/],
    ["run -d -- sh", /^There is no -d: start .*\nSee: worker-cli run --help$/],
    ["pause 0199", /^There is no pause: .* signal JOB STOP/],
  ];
  for (const [line, message] of lines) assert.match(usageErrorOf(line), message, line);
  const words = [
    "tail",
    "follow",
    "ls",
    "get",
    "inspect",
    "describe",
    "top",
    "events",
    "pause",
    "cp",
    "add",
    "clean",
  ];
  for (const word of words) {
    assert.match(usageErrorOf(word), new RegExp(`^There is no ${word}: .* worker-cli `), word);
  }
  assert.match(usageErrorOf("toString"), /^Unknown command 'toString'/);
});

Deno.test("printVersion() leaves every other line to the grammar", () => {
  for (const args of [[], ["list"], ["version", "--json"], ["--version", "x"]]) {
    assert.equal(printVersion(args), false);
  }
});
