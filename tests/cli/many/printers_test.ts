import { GroupPrinter } from "../../../lib/cli/many/group_printer.ts";
import { JsonPrinter } from "../../../lib/cli/many/json_printer.ts";
import { PrefixPrinter } from "../../../lib/cli/many/prefix_printer.ts";
import type { Printer } from "../../../lib/cli/many/printer.ts";
import { StatusLine } from "../../../lib/cli/many/status_line.ts";
import { Targets } from "../../../lib/cli/many/targets.ts";
import type { LogBatch, LogStream, RunEvent } from "../../../lib/cli/job_client.ts";
import { assert } from "../../assert.ts";
import { DONE, FakeOutput, jobOf, recordsOf } from "../fake_daemon.ts";
import { failedEnd, failure, jobIdOf } from "./fake_fleet.ts";

const command = { name: "uptime", args: ["-p"], env: {}, workingDirectory: "" };

/** A printer and what it has written, fed with events as a hub tells them. */
class Stage {
  readonly stdout = new FakeOutput(false);
  readonly stderr = new FakeOutput(false);
  readonly targets: Targets;
  readonly #printer: Printer;

  constructor(hosts: readonly string[], printerOf: (stage: Stage) => Printer) {
    this.targets = new Targets(hosts, command, "id");
    this.#printer = printerOf(this);
  }

  async event(event: RunEvent): Promise<void> {
    await this.#printer.event(this.targets.apply(event), event);
  }

  async prints(
    host: string,
    ...pieces: (readonly [LogStream, string | readonly number[]])[]
  ): Promise<void> {
    const log = { records: recordsOf(...pieces), nextOffset: 0, finishedJob: null };
    await this.event({ host, log });
  }

  async ends(host: string, end: LogBatch["finishedJob"] = jobOf({ end: DONE })): Promise<void> {
    await this.event({ host, log: { records: [], nextOffset: 0, finishedJob: end } });
  }

  /** A whole job. */
  async runs(host: string, text: string, end = DONE): Promise<void> {
    await this.event({ host, job: jobOf({ jobId: jobIdOf(host) }) });
    await this.prints(host, ["stdout", text]);
    await this.ends(host, jobOf({ end }));
  }

  async end(): Promise<void> {
    await this.#printer.end();
  }
}

const prefixed = (hosts: readonly string[], color = false) =>
  new Stage(hosts, (stage) => new PrefixPrinter(hosts, stage, { color }));

function grouped(hosts: readonly string[], maxBytes?: number): Stage {
  return new Stage(hosts, (stage) => {
    const prefix = new PrefixPrinter(hosts, stage, { color: false });
    return new GroupPrinter(stage, { prefix, ...(maxBytes !== undefined && { maxBytes }) });
  });
}

Deno.test("PrefixPrinter has whole lines of each host and stream, in line with each other", async () => {
  const stage = prefixed(["db", "web-1"]);
  await stage.prints("web-1", ["stdout", "up "], ["stderr", "warn"]);
  await stage.prints("db", ["stdout", "one\ntwo\n"]);
  await stage.prints("web-1", ["stdout", "3 days\n"], ["stderr", "ing\n"]);
  await stage.prints("db", ["stdout", "no end"]);
  assert.equal(stage.stdout.text, "db    | one\ndb    | two\nweb-1 | up 3 days\n");
  assert.equal(stage.stderr.text, "web-1 | warning\n");
  await stage.ends("db");
  assert.ok(stage.stdout.text.endsWith("db    | no end\n"));
  // Those that were left while they ran.
  await stage.prints("web-1", ["stderr", "cut"]);
  await stage.end();
  assert.ok(stage.stderr.text.endsWith("web-1 | cut\n"));
});

Deno.test("PrefixPrinter gives each host a colour, and none to what it prints", async () => {
  const stage = prefixed(["a", "b"], true);
  await stage.prints("a", ["stdout", "x\n"]);
  await stage.prints("b", ["stdout", "y\n"]);
  assert.equal(stage.stdout.text, "\x1b[36ma | \x1b[39mx\n\x1b[33mb | \x1b[39my\n");
});

Deno.test("Output that is gone is told, with its host", async () => {
  for (const stage of [prefixed(["a"]), grouped(["a"])]) {
    const gap = { from: 10, to: 30 };
    await stage.event({ host: "a", log: { gap, records: [], nextOffset: 30, finishedJob: null } });
    assert.match(stage.stderr.text, /^worker-cli: a: 20 bytes of output, .* are missing/);
  }
});

Deno.test("GroupPrinter prints equal output once, that of most hosts first", async () => {
  const stage = grouped(["db", "web-1", "web-2", "web-3", "web-4", "web-5"]);
  await stage.runs("db", "postgres\n");
  await stage.runs("web-1", "nginx 1");
  await stage.runs("web-3", "nginx 1");
  await stage.runs("web-4", "nginx 1", failedEnd(3));
  // The same bytes, in other pieces, and on two streams.
  await stage.prints("web-2", ["stdout", "ngi"], ["stdout", "nx 1"]);
  await stage.ends("web-2");
  await stage.prints("web-5", ["stdout", "ngin"], ["stderr", "x 1\ny\n"]);
  await stage.ends("web-5");
  assert.equal(stage.stdout.text, "");
  await stage.end();
  const rule = "-".repeat(15);
  const head = (text: string) => `${rule}\n${text}\n${rule}\n`;
  assert.equal(
    stage.stdout.text,
    `${head("web-[1-3] (3)")}nginx 1\n${head("db (1)")}postgres\n` +
      `${head("web-4 (1): failed: exit code 3")}nginx 1\n${head("web-5 (1)")}ngin\n`,
  );
  assert.equal(stage.stderr.text, "web-5 | x 1\nweb-5 | y\n");
});

Deno.test("GroupPrinter tells bytes of one stream from those of the other", async () => {
  const stage = grouped(["a", "b"]);
  await stage.prints("a", ["stdout", "x"], ["stderr", "yz"]);
  await stage.ends("a");
  await stage.prints("b", ["stdout", "xy"], ["stderr", "z"]);
  await stage.ends("b");
  await stage.end();
  assert.match(stage.stdout.text, /a \(1\)[^]*b \(1\)/);
});

Deno.test("GroupPrinter holds a bounded amount, says so, and prints the rest as it comes", async () => {
  const hosts = ["a", "b", "c"];
  const stage = grouped(hosts, 1_000);
  // Equal output counts once.
  for (const host of ["a", "b"]) await stage.runs(host, `${"x".repeat(450)}\n`);
  assert.equal(stage.stdout.text, "");
  await stage.prints("c", ["stdout", `${"y".repeat(400)}\n`]);
  assert.equal(stage.stdout.text, "");
  await stage.prints("c", ["stdout", `${"z".repeat(200)}\n`], ["stderr", "err\n"]);
  const whole = `c | ${"y".repeat(400)}\nc | ${"z".repeat(200)}\n`;
  assert.equal(stage.stdout.text, whole);
  assert.match(stage.stderr.text, /^worker-cli: .* more than 1000 bytes/);
  await stage.prints("c", ["stdout", "live"]);
  await stage.ends("c");
  assert.equal(stage.stdout.text, `${whole}c | live\n`);
  await stage.end();
  assert.match(stage.stdout.text, /live\n-+\na,b \(2\)\n/);
  assert.equal(stage.stderr.text.match(/worker-cli/g)?.length, 1);
});

Deno.test("GroupPrinter does not lose what a host has printed that was left while it ran", async () => {
  const stage = grouped(["a"]);
  await stage.prints("a", ["stdout", "half"]);
  await stage.end();
  assert.match(stage.stdout.text, /a \(1\)\n-+\nhalf\n/);
});

Deno.test("JsonPrinter has a line for everything that happens, and one for all at last", async () => {
  const hosts = ["a", "b", "c"];
  const stage = new Stage(hosts, (stage) => new JsonPrinter(stage.targets, stage));
  await stage.runs("a", "hi");
  await stage.event(failure("b", "refused", "no such program"));
  stage.targets.set("c", "not_started");
  await stage.end();
  const lines = stage.stdout.text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ host }) => host), ["a", "a", "a", "b", "c", undefined]);
  // The hub leaves the command out, which is known here.
  assert.deepEqual(lines[0].startedJob.command, command);
  assert.equal(lines[1].text, "hi");
  assert.deepEqual([lines[2].state, lines[2].finishedJob.status], ["done", "done"]);
  assert.deepEqual(lines[3], { host: "b", state: "refused", detail: "no such program" });
  assert.deepEqual(lines[4], { host: "c", state: "not_started", detail: "" });
  assert.deepEqual(lines[5].summary, {
    ...{ hosts: 3, done: 1, failed: 0, refused: 1, offline: 0, unknown: 0, not_started: 1 },
  });
});

Deno.test("StatusLine is out of the way while anything else is written, and gone at the end", async () => {
  const [stdout, stderr] = [new FakeOutput(true), new FakeOutput(true)];
  // Both are the same terminal.
  stdout.write = (bytes) => stderr.write(bytes);
  {
    await using line = new StatusLine({ stdout, stderr }, () => "1 of 2");
    await stderr.includes("\x1b[K1 of 2");
    await line.stdout.write(new TextEncoder().encode("out\n"));
    assert.equal(stderr.text, "\r\x1b[K1 of 2\r\x1b[Kout\n");
  }
  const [, after] = stderr.text.split("out\n");
  assert.ok(after === "" || after === "\r\x1b[K1 of 2\r\x1b[K");
  const plain = new FakeOutput(false);
  await using none = new StatusLine({ stdout: plain, stderr: plain }, () => "1 of 2");
  await none.stderr.write(new TextEncoder().encode("text"));
  assert.equal(plain.text, "text");
});
