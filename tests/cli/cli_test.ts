import { fileURLToPath } from "node:url";
import { assert } from "../assert.ts";
import { VERSION_TEXT } from "../../lib/version.ts";
import { TestCertificates } from "../certificates.ts";
import { TestProcess } from "../end_to_end/process.ts";
import { loadedModules } from "../loaded_modules.ts";
import { ROOT } from "../programs.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const FLAGS = ["--no-prompt", "--ignore-env", "--allow-read", "--allow-net"];

function cli(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...FLAGS, CLI, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** The line of a program of this folder that does one thing as `cli.ts` does. */
function programOf(name: string): string[] {
  const flags = ["--frozen", "--no-check", "--allow-all"];
  return [
    Deno.execPath(),
    "run",
    `--config=${ROOT}deno.json`,
    ...flags,
    `${ROOT}tests/cli/${name}`,
  ];
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("cli.ts answers help and wrong usage without a daemon, certificates or variables", async () => {
  const help = await cli("logs", "--help").output();
  assert.equal(help.code, 0);
  assert.match(text(help.stdout), /^Usage: worker-cli logs /);
  assert.equal(text(help.stderr), "");
  const wrong = await cli("lsit").output();
  assert.equal(wrong.code, 2);
  assert.match(text(wrong.stderr), /Did you mean list\?/);
});

Deno.test("cli.ts says how to get certificates when there are none", async () => {
  const missing = ["--cert", "--key", "--ca"].flatMap((option) => [option, "/nonexistent/x.pem"]);
  const { code, stderr } = await cli("list", ...missing).output();
  assert.equal(code, 125);
  assert.match(text(stderr), /^worker-cli: .*"\/nonexistent\/x\.pem".*deno task certs/);
  assert.doesNotMatch(text(stderr), /^\s+at /m);
});

Deno.test("cli.ts prints its version by itself, and whatever else is on the line is for the grammar", async () => {
  const { code, stdout, stderr } = await cli("--version").output();
  assert.deepEqual([code, text(stdout), text(stderr)], [0, `${VERSION_TEXT}\n`, ""]);
  const twice = await cli("--version", "--version").output();
  assert.deepEqual([twice.code, text(twice.stdout)], [0, `${VERSION_TEXT}\n`]);
  const names = (await loadedModules("cli.ts")).map(({ path }) => path);
  assert.deepEqual(names, [
    "cli.ts",
    "lib/cli/print_version.ts",
    "lib/version.ts",
    "lib/build.ts",
  ]);
});

Deno.test("cli.ts ends quietly, as if by SIGPIPE, when nobody reads", async () => {
  const child = cli("--help").spawn();
  // Long before the program has started.
  await child.stdout.cancel();
  const stderr = await new Response(child.stderr).text();
  const { code } = await child.status;
  assert.equal(stderr, "");
  assert.equal(code, 141);
});

Deno.test("cli.ts fails when its output cannot be written", async () => {
  const script = `exec "$@" >/dev/full`;
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", Deno.execPath(), "run", ...FLAGS, CLI, "--version"],
  }).output();
  assert.equal(code, 125);
  assert.match(text(stderr), /^worker-cli: Cannot write .*No space left/);
});

Deno.test("cli.ts gives a daemon that does not answer yet half a minute more, unless asked for its health", async () => {
  await using certificates = await TestCertificates.create();
  const { cert, key, ca } = certificates.paths("client");
  await using process = new TestProcess([...programOf("silence.ts"), cert, key, ca]);
  const { code, stdout, stderr } = await process.finished();
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [
    { attempts: 1, silences: 0, why: "Silence" },
    // Each takes ten seconds.
    { attempts: 4, silences: 1, why: "Silence" },
  ]);
});

Deno.test("cli.ts is told of a second signal apart from the first, and of a hang-up as of both", async () => {
  const cases = [
    [["SIGTERM", "SIGINT"], "First: Interrupted by SIGTERM\nSecond: Interrupted by SIGINT\n"],
    [["SIGINT", "SIGINT"], "First: Interrupted by SIGINT\nSecond: Interrupted by SIGINT\n"],
    [["SIGHUP"], "First: Hung up\nSecond: Hung up\n"],
  ] as const;
  for (const [signals, told] of cases) {
    await using process = new TestProcess(programOf("signals.ts"));
    await process.seen(/Ready\n/);
    for (const [index, signal] of signals.entries()) {
      process.kill(signal);
      if (index === 0) await process.seen(/First: .*\n/);
    }
    const { code, stdout } = await process.finished();
    assert.deepEqual([code, stdout], [0, `Ready\n${told}`]);
  }
});
