import { COMPLETION_SCRIPTS, SHELLS } from "../../lib/cli/completion_scripts.ts";
import { ARGUMENT_VALUES, OPTION_VALUES } from "../../lib/cli/completion_values.ts";
import { analyse } from "../../lib/cli/completions.ts";
import { describeGrammar } from "../../lib/cli/grammar.ts";
import { REST_SHAPES } from "../../lib/cli/rest_grammar.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DONE, JOB_ID, jobOf, lister, rejection, runCli } from "./fake_daemon.ts";
import { HOST } from "./seam_lines.ts";

const GRAMMAR = describeGrammar();

/** The words that can follow a line; its last word is at the cursor. */
function following(line: string): string[] {
  const { completion } = analyse(GRAMMAR, line.split(" "), { forms: REST_SHAPES });
  assert.equal(completion.kind, "candidates", line);
  return completion.kind === "candidates" ? completion.candidates.map(({ value }) => value) : [];
}

Deno.test("analyse() completes subcommands, options and choices from the grammar", () => {
  const verbs = GRAMMAR.commands.map(({ name }) => name);
  assert.ok(verbs.includes("start") && verbs.includes("context"));
  assert.ok(!verbs.some((name) => name.startsWith("_")));
  assert.deepEqual(following(""), verbs);
  assert.deepEqual(following("--json --address host:1 "), verbs);
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

/** What follows a line: `jobs`, `files`; `list of hosts`. */
function kindAfter(line: string): string {
  const { completion } = analyse(GRAMMAR, line.split(" "), { forms: REST_SHAPES });
  return completion.kind === "list" ? `list of ${completion.of.kind}` : completion.kind;
}

Deno.test("analyse() knows what stands where", () => {
  const lines: Readonly<Record<string, readonly string[]>> = {
    jobs: ["status ", "stop 01", "logs all ", "logs --tail 3 all ", "--cert a wait ", "output "],
    contexts: ["--context ", "context use ", "context remove p", "list --context="],
    files: ["--cert ", "list --ca=certs/", "certs --ca-key ", "--health --password-file "],
    directories: ["certs --dir ", "certs add al --dir=c"],
    labels: ["list -l ", "list --label ", "run --label=te", "stop --all --label "],
    owners: ["list --owner ", "audit --user "],
    hosts: ["list --host "],
    "list of selectors": ["run --on ", "hosts --on=role=web,z"],
    either: ["logs ", "logs -fn 3 ", "list -o "],
  };
  for (const [kind, those] of Object.entries(lines)) {
    for (const line of those) assert.equal(kindAfter(line), kind, line);
  }
  const completionOf = (line: string) =>
    analyse(GRAMMAR, line.split(" "), { forms: REST_SHAPES }).completion;
  for (const line of ["stop ", "wait ", "kill "]) {
    assert.deepEqual(completionOf(line), { kind: "jobs", live: true }, line);
  }
  assert.deepEqual(completionOf("--stop "), { kind: "jobs", live: true, wholeIds: true });
  const nothing = ["status 0199 ", "start -- ", "run -- ls ", "nonsense ", "logs 0199 ", "logs - "];
  const unknown = ["--address ", "start --cwd ", "run --timeout=", "list --watch=", "--health "];
  for (const line of [...nothing, ...unknown]) assert.deepEqual(following(line), [], line);
  assert.deepEqual(following("help "), GRAMMAR.commands.map(({ name }) => name));
  assert.deepEqual(following("signal 0199 ").slice(0, 2), ["HUP", "INT"]);
  assert.deepEqual(following("run --if-host-lost "), ["wait", "rerun"]);
  assert.deepEqual(following("start --log-policy=k"), ["keep-newest", "end-job"]);
});

Deno.test("Every value that a line may have is thought of, and nothing else is", () => {
  const options = GRAMMAR.commands.flatMap((command) =>
    command.options.filter(({ takesValue }) => takesValue).map(({ long }) => [command.name, long])
  );
  const values = REST_SHAPES.filter(({ takesValue }) => takesValue).map(({ long }) => ["", long]);
  const words = GRAMMAR.commands.flatMap((command) =>
    command.arguments.map(({ name, choices }) => ({ name, choices, command: command.name }))
  );
  const used = new Set<string>();
  const find = (table: object, command: string, name: string) => {
    const found = [`${command} ${name}`, name].find((key) => Object.hasOwn(table, key));
    if (found !== undefined) used.add(found);
    return found !== undefined;
  };
  for (const [command = "", name = ""] of [...options, ...values]) {
    assert.ok(find(OPTION_VALUES, command, name), `${command} ${name}`);
  }
  for (const { command, name, choices } of words) {
    const isKnown = find(ARGUMENT_VALUES, command, name);
    assert.ok(isKnown || choices.length > 0, `${command} ${name}`);
  }
  const known = [...Object.keys(OPTION_VALUES), ...Object.keys(ARGUMENT_VALUES)];
  assert.deepEqual(known.filter((key) => !used.has(key)), []);
});

/** The words that are offered for a line, whose last one is at the cursor. */
async function offered(line: string, calls: Parameters<typeof runCli>[1] = {}): Promise<string[]> {
  const words = ["__complete", "--", ...line.split(" ")];
  const { exitStatus, stdout, stderr } = await runCli(words, calls);
  assert.deepEqual([exitStatus, stderr], [0, ""], line);
  return stdout.split("\n").slice(0, -1).map((each) => each.split("\t")[0] ?? "");
}

Deno.test("__complete offers values, behind what is typed of them", async () => {
  const jobs = [
    jobOf({ labels: { team: "red", n: "" }, name: "nightly", owner: "bob" }),
    jobOf({ jobId: "0198a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", labels: { team: "red", odd: "a b" } }),
  ];
  const host = { ...HOST, labels: { role: "web", zone: "eu" } };
  const calls = {
    listJobs: lister(jobs),
    listHosts: () => Promise.resolve({ hosts: [host] }),
  };
  const lines: Readonly<Record<string, readonly string[]>> = {
    "list --label ": ["team=red", "n="],
    "list -l te": ["team=red"],
    "list --owner ": ["bob", "alice"],
    "list --name ": ["nightly"],
    "list --host w": ["web-1"],
    "run --on ": ["web-1", "role=web", "zone=eu"],
    "run --on=role=web,z": ["--on=role=web,zone=eu"],
    "list -o id,st": ["id,status", "id,started"],
    "list --output=w": ["--output=wide"],
    "certs add al --role admin,v": ["admin,viewer"],
    "logs st": ["stdout", "stderr"],
    "logs n": ["nightly"],
    "run --log-policy=": ["--log-policy=keep-newest", "--log-policy=end-job"],
    "--cert ": [":files"],
    "certs --dir=": [":directories"],
  };
  for (const [line, words] of Object.entries(lines)) {
    assert.deepEqual(await offered(line, calls), words, line);
  }
  assert.deepEqual(await offered("logs s"), ["stdout", "stderr"], "without a daemon");
  for (const line of ["list --label ", "run --on ", "logs x"]) {
    assert.deepEqual(await offered(line), [], line);
  }
});

Deno.test("__complete offers nothing of others that a shell would run or expand", async () => {
  const evil = [
    "$(id)",
    "`id`",
    "a;id",
    "a|id",
    "a&id",
    "a>b",
    "a b",
    "a'b",
    'a"b',
    "a\\b",
    "a*",
    "~a",
    "{a,b}",
  ];
  const jobs = evil.flatMap((text) => [
    jobOf({ labels: { [text]: text, fine: "team/ä-1.2" }, owner: text, name: "nightly" }),
  ]);
  const hosts = evil.map((text) => ({ ...HOST, labels: { [text]: text } }));
  const calls = {
    listJobs: lister(jobs),
    listHosts: () => Promise.resolve({ hosts }),
  };
  assert.deepEqual(await offered("list --label ", calls), ["fine=team/ä-1.2"]);
  assert.deepEqual(await offered("list --owner ", calls), []);
  assert.deepEqual(new Set(await offered("run --on ", calls)), new Set(["web-1"]));
});

Deno.test("__complete prints the ends of ids as lists do, and ids that begin so, with what the jobs are", async () => {
  const other = "0199ffff-c3d4-7e5f-8a9b-0c1d2e3f4a5c";
  const listJobs = lister([
    jobOf({ name: "nightly" }),
    jobOf({ jobId: other, end: DONE }),
  ]);
  const completed = async (...words: string[]) => {
    const line = ["__complete", "--", "--address", "h:1", ...words];
    const { exitStatus, stdout } = await runCli(line, { listJobs });
    assert.equal(exitStatus, 0);
    return stdout;
  };
  const running = "running: sh -c 'echo hi'\n";
  const done = "done: exit code 0: sh -c 'echo hi'\n";
  const [end, otherEnd] = [JOB_ID.slice(-8), other.slice(-8)];
  assert.equal(
    await completed("status", ""),
    `nightly\t${running}${end}\t${running}${otherEnd}\t${done}`,
  );
  assert.equal(
    await completed("status", end.slice(0, 3)),
    `${end}\t${running}${otherEnd}\t${done}`,
  );
  assert.equal(await completed("status", "0199"), `${JOB_ID}\t${running}${other}\t${done}`);
  // Over REST, nothing but a whole id will do.
  assert.equal(await completed("--status", ""), `${JOB_ID}\t${running}${other}\t${done}`);
  assert.equal(await completed("--status", end), "");
  assert.equal(await completed("--status", "nig"), "");
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
compopt() { COMPREPLY=("shell completes $2"); }
COMP_LINE=$1 COMP_POINT=\${#1} COMPREPLY=()
# As readline tells it, which takes a word that has = or : for several.
_worker_cli worker-cli "$(sed 's/.*[ =:]//' <<<"$1")"
printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: `compdef() { :; }
compset() { print -r -- "behind \${words[CURRENT]%%=*}="; }
_files() { print -r -- "shell completes files $1"; }
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

/** Shows what it was asked, or says that the shell is to complete. */
const FAKE_CLI = `#!/bin/sh
[ "$1 $2" = "__complete --" ] && shift 2
case $* in
  *file*) echo :files ;;
  *dir*) echo :directories ;;
  *nothing*) ;;
  *--on=*) printf '%s\\n' "--on=role=web,zone=eu" ;;
  *) printf 'asked-%s\\tabout: it\\n' "$#" "$@" ;;
esac`;

/** What each shell offers for lines of which ours says nothing but how to complete. */
const OFFERED: Readonly<
  Record<typeof SHELLS[number], Readonly<Record<string, readonly string[]>>>
> = {
  bash: {
    "worker-cli --file a": ["shell completes default"],
    "worker-cli --dir a": ["shell completes dirnames"],
    "worker-cli run --on=role=web,z": ["web,zone=eu"],
    "worker-cli nothing ": [],
  },
  zsh: {
    "worker-cli --file a": ["shell completes files"],
    "worker-cli --dir a": ["shell completes files -/"],
    "worker-cli run --on=role=web,z": ["behind --on=", "role=web,zone=eu"],
    "worker-cli nothing ": [],
  },
  fish: {
    "worker-cli --file scr": ["script"],
    "worker-cli --file=scr": ["--file=script"],
    "worker-cli --dir sub": ["sub/"],
    "worker-cli run --on=role=web,z": ["--on=role=web,zone=eu"],
    "worker-cli nothing ": [],
  },
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
    await Deno.mkdir(`${directory.path}/sub`);
    await Deno.writeTextFile(`${directory.path}/worker-cli`, FAKE_CLI, { mode: 0o755 });
    const complete = async (line: string) => {
      const option = shell === "bash" ? ["--norc"] : shell === "zsh" ? ["-f"] : ["--no-config"];
      const { stdout, stderr } = await new Deno.Command(path, {
        args: [...option, "-c", DRIVERS[shell], ...shell === "fish" ? [line] : [shell, line]],
        cwd: directory.path,
        clearEnv: true,
        env: { PATH: `${directory.path}:/usr/bin:/bin`, HOME: directory.path, LC_ALL: "C.UTF-8" },
      }).output();
      assert.equal(new TextDecoder().decode(stderr), "");
      return new TextDecoder().decode(stdout).split("\n").map((word) => word.trim())
        .filter((word) => word !== "");
    };
    const words = await complete("worker-cli --address h:1 asked-s");
    assert.deepEqual(
      words.toSorted(),
      // fish and the others leave it to us, or to themselves, to take only what begins so.
      shell === "fish"
        ? ["asked-asked-s"]
        : ["asked---address", "asked-3", "asked-asked-s", "asked-h:1"],
    );
    for (const [line, expected] of Object.entries(OFFERED[shell])) {
      assert.deepEqual(await complete(line), expected, line);
    }
  });
}
