import { Launcher, toldTo } from "../../lib/process/launcher.ts";
import type { ProcessSpec } from "../../lib/process/process.ts";
import { rightsOf } from "../../lib/process/users.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { NOBODY, SPEC } from "./spec.ts";
import { TOOLS } from "./tools.ts";

const SHELL: ProcessSpec = {
  ...SPEC,
  program: "/bin/sh",
  env: { JOB_ID: "id", PATH: "/usr/bin:/bin" },
};

/** Whose rights a launcher may have. */
const WAYS: Readonly<Record<string, Partial<ProcessSpec>>> = {
  "as ourselves": {},
  ...(Deno.uid() === 0 ? { "as another user": { user: NOBODY, newPrivileges: false } } : {}),
};

/** Has a launcher become a program, and waits for its end. */
async function run(spec: Partial<ProcessSpec>) {
  const whole = { ...SHELL, ...spec };
  const told = toldTo(whole, TOOLS);
  assert.ok(told, "It can be told that");
  const process = new Launcher(whole, "", TOOLS).become(told);
  const [stdout, stderr, exit] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
    process.exit,
  ]);
  return { pid: process.pid, stdout, stderr, exit };
}

function sh(script: string): Partial<ProcessSpec> {
  return { args: ["-c", script] };
}

/** What a shell might lose, change, or understand when it reads it. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  JOB_ID: "id",
  HOME: "",
  CHARACTERS: String.fromCodePoint(...Array.from({ length: 0x140 }, (_, at) => at + 1)),
  LINES: "\n\na=b\n+c\n-\n\n",
  QUOTES: " $(id)`id`\"'\\ \\\n ",
  LD_BIND_NOW: "1",
  "a.b": "by env(1)\n",
  IFS: "x",
  ...Object.fromEntries(
    ["value", "line", "count", "at", "input", "newline", "told", "take", "JOB_ENV_0"]
      .map((name) => [name, `of ${name}`]),
  ),
};

for (const [how, way] of Object.entries(WAYS)) {
  Deno.test(`A launcher becomes a program ${how} with its variables and arguments, and no others`, async () => {
    const args = ["-0"];
    for (const env of [ENVIRONMENT, { JOB_ID: "id" }, {}]) {
      const { stdout, stderr } = await run({ ...way, program: "/usr/bin/env", args, env });
      assert.equal(stderr, "");
      const pairs = stdout.split("\0").slice(0, -1).map((line) => {
        const end = line.indexOf("=");
        return [line.slice(0, end), line.slice(end + 1)];
      });
      assert.deepEqual(Object.fromEntries(pairs), env);
    }
    const words = ["", " a ", "-", "+b\n", "\n", "c\\\nd", "*"];
    const printed = await run({
      ...way,
      ...sh('printf "[%s]" "$@"'),
      args: ["-c", 'printf "[%s]" "$@"', "sh", ...words],
    });
    assert.equal(printed.stdout, words.map((word) => `[${word}]`).join(""));
  });

  Deno.test(`A launcher becomes a program ${how} that leads its session, and reads nothing by default`, async () => {
    const script =
      "cut -d' ' -f1,5,6 /proc/$$/stat; cat; readlink /proc/$$/fd/0; ulimit -Sn; umask; exit 7";
    const { pid, stdout, exit } = await run({ ...way, ...sh(script), umask: "0137" });
    assert.equal(stdout, `${pid} ${pid} ${pid}\n/dev/null\n1024\n0137\n`);
    assert.deepEqual(exit, { code: 7 });
  });

  Deno.test(`A launcher becomes a program ${how} that opens its own output, and fails as others do`, async () => {
    assert.equal((await run({ ...way, ...sh("echo here >/dev/stderr") })).stderr, "here\n");
    const gone = await run({ ...way, workingDirectory: "/no-such-directory" });
    assert.deepEqual(gone.exit, { code: 126 });
    assert.match(gone.stderr, /no-such-directory/);
    assert.deepEqual((await run({ ...way, program: "/no-such-program" })).exit, { code: 127 });
    assert.deepEqual((await run({ ...way, ...sh("kill -s KILL $$") })).exit, { signal: "SIGKILL" });
  });
}

Deno.test("A launcher is not told what another process would do sooner, or it cannot", () => {
  assert.ok(toldTo(SHELL, TOOLS));
  assert.equal(toldTo({ ...SHELL, nice: 1 }, TOOLS), null);
  assert.equal(toldTo({ ...SHELL, hasInput: true }, TOOLS), null);
  assert.equal(toldTo({ ...SHELL, rlimits: { as: 2 ** 32 } }, TOOLS), null);
  assert.equal(toldTo({ ...SHELL, args: ["a".repeat(3_000)] }, TOOLS), null);
  assert.equal(toldTo({ ...SHELL, env: { A: "a".repeat(3_000) } }, TOOLS), null);
});

rootTest(
  "A launcher waits with the rights of its user, and no more, and knows nothing",
  async () => {
    const launcher = new Launcher({ user: NOBODY, newPrivileges: false }, "", TOOLS);
    const { pid } = launcher;
    const statusOf = () => Deno.readTextFile(`/proc/${pid}/status`);
    const status = await until(async () => {
      const text = await statusOf();
      return /^Uid:\t65534\t65534\t65534\t65534$/m.test(text) && /^Name:\tsh$/m.test(text) && text;
    });
    assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m);
    assert.match(status, /^Groups:\t(?:65534 )?$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapPrm:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
    const names = environment.split("\0").map((line) => /^(JOB_\w+)=/.exec(line)?.[1] ?? "");
    assert.deepEqual(names.filter((name) => name !== "").sort(), [
      ...["JOB_ENV_AWAIT", "JOB_ENV_ENTER", "JOB_ENV_EXEC", "JOB_LAUNCHER"],
    ]);
    // Another job of its user can neither tell it anything nor read what it is told.
    for (const open of ["exec <", "exec >"]) {
      const { success } = await new Deno.Command(TOOLS.setpriv, {
        args: [...rightsOf(NOBODY), "--", TOOLS.sh, "-c", `${open}/proc/${pid}/fd/0`],
        stderr: "null",
      }).output();
      assert.equal(success, false, open);
    }
    await launcher.end();
    await assert.rejects(statusOf(), Deno.errors.NotFound);
  },
);

Deno.test("A launcher that was suspended while it waited goes on, and one that was killed is known to be gone", async () => {
  const told = toldTo({ ...SHELL, ...sh("echo here") }, TOOLS);
  assert.ok(told);
  const suspended = new Launcher(SHELL, "", TOOLS);
  Deno.kill(suspended.pid, "SIGSTOP");
  assert.equal(suspended.revive(), true);
  const process = suspended.become(told);
  assert.equal(await new Response(process.stdout).text(), "here\n");
  await process.stderr.cancel();
  await process.exit;
  const killed = new Launcher(SHELL, "", TOOLS);
  Deno.kill(killed.pid, "SIGKILL");
  assert.deepEqual(await killed.exit, { signal: "SIGKILL" });
  assert.equal(killed.revive(), false);
  await killed.end();
});

Deno.test("A launcher ends with whoever has started it", async () => {
  await using temporary = await temporaryDirectory();
  const program = `${temporary.path}/program.ts`;
  const url = (path: string) => JSON.stringify(import.meta.resolve(path));
  await Deno.writeTextFile(
    program,
    `import { Launcher } from ${url("../../lib/process/launcher.ts")};
import { TOOLS } from ${url("./tools.ts")};
console.log(new Launcher({ user: null, newPrivileges: true }, "", TOOLS).pid);
Deno.kill(Deno.pid, "SIGKILL");
`,
  );
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--config", config, program],
  }).output();
  const pid = Number(new TextDecoder().decode(stdout));
  assert.ok(pid > 1);
  await until(async () => await Deno.stat(`/proc/${pid}`).catch(() => null) === null);
});
