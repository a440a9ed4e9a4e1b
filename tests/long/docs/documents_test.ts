/**
 * Every command of the documents, run as it is written in a fresh copy of the tree; what they show as
 * output is what comes out.
 *
 * @module
 */

import { assert } from "../../assert.ts";
import { AS_ROOT, ROOT } from "../../programs.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { type Block, blocksOf, type Example, examplesOf } from "./blocks.ts";
import { EXCEPTIONS } from "./exceptions.ts";

/** How long the commands of a document may take, on a machine that is busy. */
const TIMEOUT_MS = 240_000;

/** What a fresh clone does not have. */
const OURS = [".git", "data", "dist", "node_modules", "coverage"];

/** The documents with the blocks that are in them. */
async function documents(): Promise<Map<string, Block[]>> {
  const files = ["README.md"];
  for await (const { name } of Deno.readDir(`${ROOT}docs`)) {
    if (name.endsWith(".md")) files.push(`docs/${name}`);
  }
  const texts = files.toSorted().map(async (file) =>
    [file, blocksOf(file, await Deno.readTextFile(ROOT + file))] as const
  );
  return new Map(await Promise.all(texts));
}

/** A job's id, alone on its line. */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What is another each time, or on another machine, and what stands for it in a comparison. */
const VARYING: readonly [RegExp, string][] = [
  [/\b[0-9a-f]{8}(-[0-9a-f]{4})+(-[0-9a-f]{12})?\b/g, "ID"],
  // The end of one, as a list begins its lines.
  [/^[0-9a-f-]{8,12}(?= )/gm, "ID"],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/\b\d{4}-\d\d-\d\d\b/g, "DAY"],
  [/\w{3} \w{3} [ \d]\d [\d:]{8} \w+ \d{4}/g, "DATE"],
  [/\b\d+(\.\d+)?(ms|s|m|h)( \d+(s|m))?\b/g, "SPAN"],
  [/\b\d+ bytes\b/g, "NUMBER bytes"],
  [/^(Process|Directory|Held by|Took|Used|Log): .*$/gm, "$1"],
  // Only where there is a choice.
  [/^User: .*\n/gm, ""],
  [/ +/g, " "],
];

/** A text without what varies. */
function constant(text: string): string {
  return VARYING.reduce((text, [pattern, name]) => text.replace(pattern, name), text).trim();
}

/** A copy of the tree as a clone would have it. */
async function copyTree(to: string): Promise<void> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(ROOT)) if (!OURS.includes(name)) names.push(name);
  const sources = names.map((name) => ROOT + name);
  const { success } = await new Deno.Command("cp", { args: ["-r", ...sources, to] }).output();
  assert.ok(success);
  for await (const { name } of Deno.readDir(`${to}/certs`)) {
    if (name !== "README.md") await Deno.remove(`${to}/certs/${name}`);
  }
}

/** What the programs of the documents are here, and what ends a line that runs on. */
const PRELUDE = `
stty cols 160
shopt -s expand_aliases
set -m
worker-daemon() { deno run --quiet --allow-all server.ts "$@"; }
child() { cat /proc/$1/task/$1/children; }
background() { # LINE PATTERN
  eval "$1 >>daemon.log 2>&1 &"
  daemon=$!
  until grep -q "$2" daemon.log; do kill -0 $daemon || break; sleep 0.05; done
  cat daemon.log
  export WORKER_ADDRESS=$(sed -n 's/^.* listening on //p' daemon.log)
  REST_ADDRESS=$(sed -n 's|^.*https://||p' daemon.log)
}
end() { [ -z "$daemon" ] || { kill -TERM $(child $daemon); wait $daemon; }; daemon=; : >daemon.log; }
restart() { end; background 'deno task -q start' 'listening on' >/dev/null; }
newest() { worker-cli list all | head -n 1 | cut -f 1; }
`;

/** A program rather than a function, so that others such as xargs(1) find it. */
const WORKER_CLI = `#!/bin/sh
case $1 in context|certs) ;; *) set -- cli "$@" ;; esac
exec deno task --quiet "$@"
`;

function exceptionOf(command: string) {
  return EXCEPTIONS.find(({ line }) => command.startsWith(line));
}

/** Runs commands one after the other in one shell on a terminal; what each has printed, and its status. */
async function runAll(
  examples: readonly Example[],
  directory: string,
): Promise<{ text: string; code: number }[]> {
  const ids: string[] = [];
  const lines = examples.flatMap(({ command, output }, index) => {
    // The jobs of the text are others than those that are made here.
    command = command.replace(
      /\b[0-9a-f]{8}-[0-9a-f]{4}\b[0-9a-f-]*/g,
      (id) => `$id_${ids.findIndex((known) => known.startsWith(id))}`,
    );
    const made = output?.find((line) => ID.test(line));
    if (made !== undefined) ids.push(made);
    const learn = made === undefined ? [] : [`id_${ids.length - 1}=$(newest)`];
    const { replace = {}, before, ready } = exceptionOf(command) ?? {};
    for (const [from, to] of Object.entries(replace)) {
      assert.ok(command.includes(from), `${command} has no ${from}`);
      command = command.replace(from, to);
    }
    if (ready) command = `end; background '${command.replace(/ +#.*/, "")}' '${ready.source}'`;
    const mark = `status=$?; echo "<${index}:$status>"`;
    return [...before ? [before] : [], command, mark, ...learn, "(exit $status)"];
  });
  const script = `${PRELUDE}\n${lines.join("\n")}\nend\n`;
  await Deno.writeTextFile(`${directory}/.script`, script);
  await Deno.mkdir(`${directory}/.path`);
  await Deno.symlink(Deno.execPath(), `${directory}/.path/deno`);
  await Deno.writeTextFile(`${directory}/.path/worker-cli`, WORKER_CLI, { mode: 0o755 });
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", "bash .script", "/dev/null"],
    cwd: directory,
    env: {
      PATH: `${directory}/.path:${Deno.env.get("PATH")}`,
      DENO_DIR: await denoDirectory(),
      HOME: `${directory}/.home`,
      NO_COLOR: "1",
      WORKER_DAEMON_ADDRESS: "127.0.0.1:0",
      WORKER_DAEMON_REST_ADDRESS: "127.0.0.1:0",
      ...AS_ROOT.length > 0 && {
        WORKER_DAEMON_JOB_USER: "root",
        WORKER_DAEMON_GATEWAY_USER: "root",
      },
    },
    stdin: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  const printed = new TextDecoder().decode(stdout).replaceAll("\r\n", "\n");
  let rest = printed;
  return examples.map(({ where, command }, index) => {
    const mark = new RegExp(`^([^]*?)<${index}:(\\d+)>\\n`).exec(rest);
    assert.ok(
      mark,
      `${where}: ${command}\nnever came to an end; all that was printed:\n${printed}`,
    );
    rest = rest.slice(mark[0].length);
    return { text: mark[1] ?? "", code: Number(mark[2]) };
  });
}

async function denoDirectory(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

for (const [file, blocks] of await documents()) {
  const examples = blocks.flatMap(examplesOf);

  Deno.test(`Every command of ${file} does what it says`, async () => {
    const run = examples.filter(({ command }) => {
      const exception = exceptionOf(command);
      return exception === undefined || exception.replace || exception.before || exception.ready;
    });
    if (run.length === 0) return;
    await using directory = await temporaryDirectory();
    await copyTree(directory.path);
    const results = await runAll(run, directory.path);
    const wrong = run.flatMap(({ where, command, output }, index) => {
      const { text, code } = results[index] ?? { text: "", code: -1 };
      const right = output === null ? code === 0 : constant(text) === constant(output.join("\n"));
      return right ? [] : [`${where}: ${command}\n${text}exit status ${code}`];
    });
    assert.equal(wrong.join("\n\n"), "");
  });
}

Deno.test("Every exception is for a line that some document has", async () => {
  const blocks = [...(await documents()).values()].flat();
  const commands = blocks.flatMap(examplesOf).map(({ command }) => command);
  for (const { line } of EXCEPTIONS) {
    assert.ok(commands.some((command) => command.startsWith(line)), line);
  }
});

Deno.test("Every task that a document names exists", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  for (const file of (await documents()).keys()) {
    const text = await Deno.readTextFile(ROOT + file);
    for (const [, name = ""] of text.matchAll(/\bdeno task (?:-\S+ )*([a-z][a-z:]*)/g)) {
      assert.ok(name in tasks, `${file}: deno task ${name}`);
    }
  }
});

Deno.test("A task prints what it was asked for, and nothing of Deno's", async () => {
  const { tasks, allowScripts } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const names = ["start", "cli", "certs", "context", "user", "dev", "demo", "demo:fleet", "test"];
  for (const name of names) {
    // Or each first run lists what it downloads.
    assert.match(tasks[name].command, /^deno run --quiet /, name);
  }
  const { npm } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.lock`));
  for (const [id, { scripts }] of Object.entries<{ scripts?: boolean }>(npm)) {
    // Or every task begins with a box about scripts that were not run.
    const name = id.slice(0, id.lastIndexOf("@"));
    if (scripts) assert.ok(allowScripts.deny.includes(`npm:${name}`), name);
  }
});
