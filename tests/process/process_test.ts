import launch from "../../lib/process/enter_job.sh" with { type: "text" };
import {
  type LaunchTools,
  type ProcessSpec,
  SCRIPTS,
  startProcess,
  withoutComments,
} from "../../lib/process/process.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { NOBODY, SPEC } from "./spec.ts";
import { TOOLS } from "./tools.ts";

/** What a process is, and whether it inherits what it is to have. */
type Start = Partial<ProcessSpec> & { readonly inheritsLimits?: boolean };

/** Each set of programs that a start may go through. */
const WAYS: Readonly<Record<string, Start>> = {
  "as ourselves": {},
  "that inherits all it is to have": { inheritsLimits: true },
  "with a limit": { nice: 1, rlimits: { as: 2 ** 32 } },
  ...(Deno.uid() === 0 ? { "as another user": { user: NOBODY } } : {}),
};

async function run(
  { inheritsLimits = false, ...spec }: Start & Pick<ProcessSpec, "program">,
  tools: LaunchTools = TOOLS,
): Promise<{ stdout: string; stderr: string; exit: unknown }> {
  const child = startProcess({ ...SPEC, ...spec }, tools, { inheritsLimits });
  const [stdout, stderr, exit] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exit,
  ]);
  return { stdout, stderr, exit };
}

const EVERY_CHARACTER = String.fromCodePoint(...Array.from({ length: 0x400 }, (_, at) => at + 1));

/** What a shell in between might lose, change, understand, or hand to others. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  JOB_ID: "id",
  PATH: "/nowhere:%builtin",
  HOME: "",
  CHARACTERS: EVERY_CHARACTER,
  LINES: "\n\na=b\n\n",
  QUOTES: "$(id)`id`\"'\\",
  LANGUAGE: "../../../tmp/x",
  GCONV_PATH: "/tmp",
  LC_ALL: "C",
  LD_BIND_NOW: "1",
  // The longest that execve(2) takes, of characters of four bytes, of two and of one.
  A: "\u{1f600}".repeat(131_069 / 4) + "x".repeat(131_069 % 4),
  E: "é".repeat(131_069 / 2) + "x".repeat(131_069 % 2),
  B: "b".repeat(131_069),
  ...Object.fromEntries(
    ["a.b", "-i", "--unset", "--", "é", " ", "A\nB", "1", "BASH_FUNC_f%%", "A-B"]
      .map((name) => [name, `of ${name}\n`]),
  ),
  ...Object.fromEntries(
    ["PWD", "OLDPWD", "IFS", "PS1", "PS4", "PPID", "OPTIND", "LINENO", "_", "ENV", "UID", "SHLVL"]
      .map((name) => [name, `of ${name}`]),
  ),
  ...Object.fromEntries(
    ["0", "1", "3", "LEFT", "EXPORTED", "TAKEN", "TOOL"].map((name) => [`JOB_ENV_${name}`, name]),
  ),
  JOB_MORE_1: "more",
  JOB_ENVIRONMENT: "plain",
  take: "take",
  fd: "fd",
  pipes: "pipes",
};

function variablesOf(stdout: string): Record<string, string> {
  return Object.fromEntries(
    stdout.split("\0").slice(0, -1).map((line) => {
      const end = line.indexOf("=");
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
}

for (const [how, way] of Object.entries(WAYS)) {
  Deno.test(`A process ${how} has its variables and no others, each as it was given`, async () => {
    for (const env of [ENVIRONMENT, { JOB_ID: "id" }, { JOB_ID: "id", "a.b": "" }, {}]) {
      const { stdout, stderr } = await run({ ...way, program: "/usr/bin/env", args: ["-0"], env });
      assert.equal(stderr, "");
      assert.deepEqual(variablesOf(stdout), env);
    }
  });

  Deno.test(`A process ${how} has many variables`, async () => {
    const env = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`V${at}`, `${at}`]));
    const { stdout } = await run({ ...way, program: "/usr/bin/env", args: ["-0"], env });
    assert.deepEqual(variablesOf(stdout), env);
  });

  Deno.test(`A process ${how} has a path that looks like a variable, and arguments that do`, async () => {
    await using temporary = await temporaryDirectory();
    await Deno.chmod(temporary.path, 0o755);
    const program = `${temporary.path}/a=b`;
    await Deno.writeTextFile(program, '#!/bin/sh\nprintf "[%s]" "$0" "$@"\n', { mode: 0o755 });
    const args = ["c=d", "-i", "--", "a b\n", ""];
    for (const env of [{}, { "a.b": "1" }]) {
      const { stdout } = await run({ ...way, program, args, env });
      assert.equal(stdout, [program, ...args].map((word) => `[${word}]`).join(""));
    }
  });

  Deno.test(`A process ${how} starts where the kernel says that its directory is`, async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    await Deno.chmod(path, 0o755);
    await Deno.mkdir(`${path}/a/b`, { recursive: true });
    await Deno.symlink(`${path}/a/b`, `${path}/link`);
    const workingDirectory = `${path}/link/..`;
    const { stdout } = await run({ ...way, program: "/bin/pwd", workingDirectory });
    assert.equal(stdout, `${path}/a\n`);
    const gone = await run({ ...way, program: "/bin/pwd", workingDirectory: `${path}/gone` });
    assert.deepEqual([gone.stdout, gone.exit], ["", { code: 126 }]);
    assert.match(gone.stderr, /gone/);
  });
}

rootTest(
  "What starts a process with our rights learns nothing of its variables and directory",
  async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    await Deno.chmod(path, 0o755);
    /** A program that tells what it sees, and is the one that it stands for. */
    const watched = async (program: string) => {
      const name = program.slice(program.lastIndexOf("/") + 1);
      const script = `#!/bin/sh\n{ id -u; pwd; echo "$*"; } >"$0.call"\n` +
        `env -0 -u PWD >"$0.env"\nexec ${program} "$@"\n`;
      await Deno.writeTextFile(`${path}/${name}`, script, { mode: 0o755 });
      for (const suffix of ["call", "env"]) {
        await Deno.writeTextFile(`${path}/${name}.${suffix}`, "");
        await Deno.chmod(`${path}/${name}.${suffix}`, 0o666);
      }
      return `${path}/${name}`;
    };
    const tools = {
      ...TOOLS,
      chown: await watched(TOOLS.chown),
      nice: await watched(TOOLS.nice),
      setpriv: await watched(TOOLS.setpriv),
      prlimit: await watched(TOOLS.prlimit),
    };
    const env = { JOB_ID: "id", LANGUAGE: "secret", LD_BIND_NOW: "secret", "a.b": "secret" };
    const { stdout } = await run({
      program: "/usr/bin/env",
      args: ["-0"],
      env,
      workingDirectory: "/tmp",
      nice: 1,
      user: NOBODY,
      rlimits: { as: 2 ** 32 },
    }, tools);
    assert.deepEqual(variablesOf(stdout), env);
    for (const [name, uid] of Object.entries({ chown: 0, nice: 0, setpriv: 0, prlimit: 65534 })) {
      const call = await Deno.readTextFile(`${path}/${name}.call`);
      assert.ok(call.startsWith(`${uid}\n/\n`), `${name}: ${call}`);
      assert.doesNotMatch(call, /secret|LANGUAGE|LD_BIND_NOW/);
      assert.match(call, /^.*\n.*\n.*\n$/, "Its arguments hold no script");
      const variables = variablesOf(await Deno.readTextFile(`${path}/${name}.env`));
      assert.deepEqual(Object.keys(variables).sort(), [
        ...["JOB_ENV_0", "JOB_ENV_1", "JOB_ENV_2", "JOB_ENV_ENTER", "JOB_ENV_EXEC", "JOB_ID"],
      ], name);
    }
  },
);

rootTest("A process of another user enters its directory with that user's rights", async () => {
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  await Deno.writeTextFile(`${path}/file`, "secret");
  await Deno.chmod(path, 0o700);
  const spec = { program: "/bin/cat", args: ["file"], workingDirectory: path, user: NOBODY };
  const { stdout, exit } = await run(spec);
  assert.deepEqual([stdout, exit], ["", { code: 126 }]);
  await Deno.chown(path, NOBODY.uid, NOBODY.gid);
  assert.equal((await run(spec)).stdout, "secret");
});

Deno.test("What is left open beyond the descriptors 0 to 2 is closed, as far as a shell can", async () => {
  const args = ["-c", 'exec sh -c "$@" 3</dev/zero 4</dev/zero 5</dev/zero 9</dev/zero', "sh"];
  const words = ["job-worker", "", "", "1024", "", "", "/bin/sh", "-c", "ls -l /proc/self/fd"];
  const command = new Deno.Command("sh", {
    args: [...args, `${launch}exec "$@"`, ...words],
    stdin: "null",
  });
  const { stdout } = await command.output();
  const text = new TextDecoder().decode(stdout);
  assert.match(text, / 0 -> \/dev\/null/);
  assert.doesNotMatch(text, /zero/);
});

for (const [way, options] of Object.entries(WAYS)) {
  Deno.test(`A process that cannot enter its cgroup does not become its program, ${way}`, async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const spec = { program: "/bin/echo", args: ["here"], ...options };
    for (const cgroup of [`${path}/gone/cgroup.procs`, path]) {
      const { stdout, stderr, exit } = await run({ ...spec, cgroup });
      assert.deepEqual([stdout, exit], ["", { code: 126 }]);
      assert.ok(stderr.includes(cgroup), stderr);
    }
    // Where it can, the file has the 0 that stands for the writer itself.
    await Deno.writeTextFile(`${path}/cgroup.procs`, "");
    assert.equal((await run({ ...spec, cgroup: `${path}/cgroup.procs` })).stdout, "here\n");
    assert.equal(await Deno.readTextFile(`${path}/cgroup.procs`), "0\n");
  });
}

Deno.test("No shell reads the comments of a script that a start goes through", () => {
  assert.equal(withoutComments("# a\nx ${y#z}\n  # b\n\n  echo '#'\n"), "x ${y#z}\n\n  echo '#'\n");
  for (const script of Object.values(SCRIPTS)) assert.doesNotMatch(script, /^\s*#/m);
});
