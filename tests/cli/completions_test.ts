import { analyse, COMPLETION_SCRIPTS, SHELLS } from "../../lib/cli/completions.ts";
import { describeGrammar } from "../../lib/cli/grammar.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DONE, JOB_ID, jobOf, lister, rejection, runCli } from "./fake_daemon.ts";

const GRAMMAR = describeGrammar();

/** The words that can follow a line; its last word is at the cursor. */
function following(line: string): string[] {
  const { completion } = analyse(GRAMMAR, line.split(" "));
  assert.equal(completion.kind, "candidates", line);
  return completion.kind === "candidates" ? completion.candidates.map(({ value }) => value) : [];
}

Deno.test("analyse() completes subcommands, options and choices from the grammar", () => {
  const verbs = GRAMMAR.commands.map(({ name }) => name);
  assert.ok(verbs.includes("start") && verbs.includes("context"));
  assert.ok(!verbs.some((name) => name.startsWith("_")));
  assert.deepEqual(following(""), verbs);
  assert.deepEqual(following("--json --address host:1 "), verbs);
  assert.deepEqual(following("logs "), ["all", "stdout", "stderr"]);
  assert.deepEqual(following("list --owner me "), [
    "all",
    "queued",
    "running",
    "failed",
    "cancelled",
    "done",
  ]);
  assert.deepEqual(following("completions "), [...SHELLS]);
  const options = following("logs all --");
  for (const option of ["--follow", "--tail", "--address"]) assert.ok(options.includes(option));
  assert.ok(!following("--").includes("--follow"));
});

Deno.test("analyse() knows where a job's id stands, and where nothing of ours does", () => {
  const ids = [
    "status ",
    "stop 01",
    "logs all ",
    "logs --tail 3 all ",
    "--cert a wait ",
    "output ",
  ];
  for (const line of ids) {
    assert.equal(analyse(GRAMMAR, line.split(" ")).completion.kind, "jobs", line);
  }
  const running = ["stop ", "wait "].map((line) => analyse(GRAMMAR, line.split(" ")).completion);
  for (const completion of running) assert.deepEqual(completion, { kind: "jobs", live: true });
  for (const line of ["status 0199 ", "start -- ", "run -- ls ", "--cert ", "nonsense "]) {
    assert.deepEqual(following(line), [], line);
  }
  for (const line of ["--context ", "context use ", "context remove p"]) {
    assert.equal(analyse(GRAMMAR, line.split(" ")).completion.kind, "contexts", line);
  }
});

Deno.test("__complete prints ids that begin so, with what the jobs are", async () => {
  const other = "0199ffff-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  const listJobs = lister([jobOf(), jobOf({ jobId: other, end: DONE })]);
  const words = ["__complete", "--", "--address", "h:1", "status", "0199"];
  const { exitStatus, stdout } = await runCli(words, { listJobs });
  assert.equal(exitStatus, 0);
  assert.equal(
    stdout,
    `${JOB_ID}\trunning: sh -c 'echo hi'\n${other}\tdone: exit code 0: sh -c 'echo hi'\n`,
  );
});

Deno.test("__complete is silent where the daemon cannot be asked", async () => {
  const quiet = { exitStatus: 0, stdout: "", stderr: "" };
  const words = ["__complete", "--", "status", ""];
  assert.deepEqual(await runCli(words), quiet);
  const listJobs = (_: unknown, options: { signal?: AbortSignal } = {}) => rejection(options);
  assert.deepEqual(await runCli(words, { listJobs }), quiet);
  assert.deepEqual(await runCli(["__complete", "--", "--address", "?", "status", ""]), quiet);
});

/** How each shell is made to complete a line: script, and the line as its argument. */
const DRIVERS: Readonly<Record<typeof SHELLS[number], string>> = {
  bash: `source ./script
COMP_LINE=$1 COMP_POINT=\${#1}
_worker_cli
printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: `compdef() { :; }
_files() { :; }
_describe() {
  # As the real one takes "value:about", with colons of the value escaped.
  for one in "\${found[@]}"; do one=\${one//\\\\:/;}; print -r -- "\${\${one%%:*}//;/:}"; done
}
source ./script
words=("\${(@s: :)1}") CURRENT=\${#words}
_worker_cli`,
  fish: `source ./script
complete -C "$argv[1]" | string replace -r '\\t.*' ''`,
};

for (const shell of SHELLS) {
  Deno.test(`The completion script works in ${shell}`, async (test) => {
    const path = await Promise.any(
      ["/usr/bin", "/bin"].map(async (directory) => {
        await Deno.stat(`${directory}/${shell}`);
        return `${directory}/${shell}`;
      }),
    ).catch(() => null);
    if (path === null) {
      await test.step({ name: `needs ${shell}`, ignore: true, fn: () => {} });
      return;
    }
    await using directory = await temporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/script`, COMPLETION_SCRIPTS[shell]);
    // Shows what it was asked.
    const fake = `#!/bin/sh
[ "$1 $2" = "__complete --" ] && shift 2
printf 'asked-%s\\tabout: it\\n' "$#" "$@"`;
    await Deno.writeTextFile(`${directory.path}/worker-cli`, fake, { mode: 0o755 });
    const complete = async (line: string) => {
      const option = shell === "bash" ? ["--norc"] : shell === "zsh" ? ["-f"] : ["--no-config"];
      const { stdout, stderr } = await new Deno.Command(path, {
        args: [...option, "-c", DRIVERS[shell], ...shell === "fish" ? [line] : [shell, line]],
        cwd: directory.path,
        clearEnv: true,
        env: { PATH: `${directory.path}:/usr/bin:/bin`, HOME: directory.path, LC_ALL: "C.UTF-8" },
      }).output();
      assert.equal(new TextDecoder().decode(stderr), "");
      return new TextDecoder().decode(stdout).trim().split("\n").filter((word) =>
        word.startsWith("asked-")
      );
    };
    const words = await complete("worker-cli --address h:1 asked-s");
    assert.deepEqual(
      words.toSorted(),
      // fish and the others leave it to us, or to themselves, to take only what begins so.
      shell === "fish"
        ? ["asked-asked-s"]
        : ["asked---address", "asked-3", "asked-asked-s", "asked-h:1"],
    );
  });
}
