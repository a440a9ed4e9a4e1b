import type { DiagnosticsOptions } from "../../lib/daemon/diagnostics.ts";
import { journalLines } from "../../lib/daemon/journal.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { TestCollector } from "../tracing/collector.ts";

const MODULE = new URL("../../lib/daemon/diagnostics.ts", import.meta.url).href;

/** What a daemon's standard error holds after these statements; diagnostics are set up once a process. */
async function said(
  statements: string,
  options: Partial<DiagnosticsOptions> = {},
  { expectedCode = 0, starter = [], env = {} }: {
    expectedCode?: number;
    starter?: readonly string[];
    env?: Readonly<Record<string, string>>;
  } = {},
): Promise<string> {
  const whole = { debug: false, journal: false, ...options };
  const script = `import { configureDiagnostics, diagnostics } from ${JSON.stringify(MODULE)};
    await configureDiagnostics(${JSON.stringify(whole)});
    ${statements}
    Deno.exit(0);`;
  const [program = "", ...args] = [...starter, Deno.execPath()];
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [
      ...args,
      "run",
      "--allow-env=OTEL_DENO_CONSOLE",
      `--config=${ROOT}deno.json`,
      `data:application/typescript,${encodeURIComponent(script)}`,
    ],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder().decode(stderr);
  assert.equal(code, expectedCode, text);
  assert.equal(stdout.byteLength, 0);
  return text;
}

Deno.test("diagnostics are one line an event on stderr, written before the process ends", async () => {
  const text = await said(
    `diagnostics.info("Gateway {pid} listens", { pid: 4711, extra: ["a", 1] });
     diagnostics.warn("Refused");
     diagnostics.debug("Not told");`,
  );
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
  assert.match(
    text,
    new RegExp(`^${time} INFO Gateway 4711 listens extra=\\["a",1\\]\n${time} WARNING Refused\n$`),
  );
});

Deno.test("diagnostics tell more with --debug", async () => {
  assert.match(await said('diagnostics.debug("Told");', { debug: true }), / DEBUG Told\n$/);
});

Deno.test("diagnostics are also sent to a collector, where that prints nothing", async () => {
  await using collector = new TestCollector();
  const sent = () =>
    collector.records.splice(0).map(({ severityText, body: { stringValue } }) => [
      severityText,
      stringValue,
    ]);
  const statements = `
    diagnostics.debug("Found %s {name}", { name: "%d\\n" });
    diagnostics.info("Listens");
    diagnostics.warn("Refused");
    void Promise.reject(new Error("No"));
    await new Promise((r) => setTimeout(r, 60_000));`;
  const replacing = { ...collector.environment, OTEL_DENO_CONSOLE: "replace" };
  const text = await said(statements, { debug: true }, { expectedCode: 1, env: replacing });
  assert.match(text, /DEBUG Found .* INFO Listens\n.* WARNING Refused\n.* FATAL Ended by /s);
  const [found, listens, refused, ended, ...rest] = sent();
  assert.deepEqual([found, listens, refused, rest], [
    ["DEBUG", "Found %s %d\\x0a\n"],
    ["INFO", "Listens\n"],
    ["WARN", "Refused\n"],
    [],
  ]);
  assert.equal(ended?.[0], "ERROR");
  assert.match(ended[1] ?? "", /^Ended by an internal error: No error="/);

  // Where the runtime prints what it sends, it would do that to standard output, which may be a pipe with something else.
  for (const mode of ["capture", "ignore"]) {
    const env = { ...collector.environment, OTEL_DENO_CONSOLE: mode };
    assert.match(await said('diagnostics.info("Listens");', {}, { env }), / INFO Listens\n$/);
    assert.deepEqual(sent(), []);
  }
});

Deno.test("A daemon that cannot start says so to a collector, too", async () => {
  await using collector = new TestCollector();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", `${ROOT}server.ts`, "--nonsense"],
    env: { NO_COLOR: "1", ...collector.environment, OTEL_DENO_CONSOLE: "replace" },
  }).output();
  assert.notEqual(code, 0);
  assert.equal(stdout.byteLength, 0);
  const [why = "", ...rest] = collector.records.filter(({ severityText }) =>
    severityText === "ERROR"
  )
    .map(({ body }) => body.stringValue);
  assert.match(why, /^worker-daemon: .*nonsense/);
  assert.deepEqual(rest, []);
  assert.ok(new TextDecoder().decode(stderr).endsWith(why));
});

Deno.test("diagnostics let nobody forge a line or move the cursor", async () => {
  const evil = "a\nb\r\x1b[2J\x07\x9b\u2028c\u202e";
  const text = await said(
    `const evil = ${JSON.stringify(evil)};
     diagnostics.warn("Refused {name}", { name: evil, other: evil });
     diagnostics.error("{why}", { why: evil, error: new Error(evil) });`,
  );
  const [warning = "", error = "", ...rest] = text.split("\n");
  assert.deepEqual(rest, [""]);
  assert.doesNotMatch(warning + error, /[\p{Cc}\p{Cf}\p{Zl}]/u);
  const escaped = String.raw`a\x0ab\x0d\x1b[2J\x07\u009b\u2028c\u202e`;
  assert.ok(warning.includes(`WARNING Refused ${escaped} other="a\\nb`), warning);
  assert.ok(error.includes(`ERROR ${escaped} error="Error: a\\nb`), error);
});

Deno.test("diagnostics lose no line on a pipe that another program has made non-blocking", async () => {
  const starter = ["python3", `${ROOT}tests/non_blocking.py`, "pipe", "stderr"];
  const text = await said(
    "for (let line = 0; line < 1000; line++) diagnostics.info(`Line ${line}`);",
    {},
    { starter },
  );
  const numbers = text.trimEnd().split("\n").map((line) => / INFO Line (\d+)$/.exec(line)?.[1]);
  assert.deepEqual(numbers, Array.from({ length: 1_000 }, (_, line) => `${line}`));
});

Deno.test("diagnostics for the journal have the priority of sd-daemon(3) in the place of time and level", async () => {
  const text = await said(
    `diagnostics.debug("Told");
     diagnostics.info("Gateway {pid} listens", { pid: 4711 });
     diagnostics.warn("Refused {name}", { name: "a\\n<0>b", extra: "c" });
     diagnostics.error("Failed");
     diagnostics.fatal("Ended");`,
    { debug: true, journal: true },
  );
  assert.equal(
    text,
    '<7>Told\n<6>Gateway 4711 listens\n<4>Refused a\\x0a<0>b extra="c"\n<3>Failed\n<2>Ended\n',
  );
});

Deno.test("diagnostics tell of an error that nobody has caught, in one line, and the process ends", async () => {
  for (
    const fault of [
      'setTimeout(() => { throw new Error("a\\nb"); });',
      'void Promise.reject(new Error("a\\nb"));',
    ]
  ) {
    const text = await said(`${fault} await new Promise((r) => setTimeout(r, 60_000));`, {
      journal: true,
    }, { expectedCode: 1 });
    assert.match(
      text,
      /^<2>Ended by an internal error: a\\x0ab error="Error: a\\nb\\n.* at .*\n$/,
    );
  }
});

Deno.test("Each line of a text for the journal has its priority", () => {
  assert.equal(journalLines("error", "a\n  b\n\nc\n"), "<3>a\n<3>  b\n<3>\n<3>c\n");
  assert.equal(journalLines("warning", "a"), "<4>a");
  assert.equal(journalLines("error", ""), "");
});
