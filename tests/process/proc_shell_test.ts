import { ProcShell, type ShellEnd } from "../../lib/process/proc_shell.ts";
import { findUser } from "../../lib/process/users.ts";
import { assert } from "../assert.ts";
import { ownShells } from "./own_shells.ts";
import { soon } from "../soon.ts";
import { allProcesses, rejection, temporaryDirectory, until } from "../worker/fixture.ts";

const OPTIONS = { setsid: "/usr/bin/setsid", sh: "/bin/sh" };

/** Asks; also rejects with what is thrown at once. */
function asked(shell: ProcShell, request: string, lines?: readonly string[]): Promise<string> {
  return Promise.resolve().then(() => shell.ask(request, lines));
}

Deno.test("ProcShell.ask() refuses a line end, after which another request would begin", async () => {
  await using shell = new ProcShell(OPTIONS);
  const requests: [string, string[]?][] = [
    ["identity 1\n99 kill 1"],
    ["user x\n"],
    ["access 1", ["/\n99 kill 1"]],
    ["access 2", ["/", "\n"]],
  ];
  for (const [request, lines] of requests) {
    const error = await rejection(asked(shell, request, lines));
    assert.ok(error instanceof TypeError && /no line end/.test(error.message), String(error));
  }
  assert.match(await shell.ask("uid"), /^\d+$/, "It answers others");
});

Deno.test("ProcShell takes what passwd(5) says as it is", async () => {
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  const entries: Record<string, string> = {
    starred: "starred:*:1234:5678:* ?:/home/with  blanks/*\\n:/bin/sh",
    homeless: "homeless::1234:5678:::",
    broken: "broken:x:*:5678::/:",
  };
  const cases = Object.entries(entries).map(([name, entry]) =>
    `${name}) printf '%s\\n' '${entry}' ;;`
  );
  const script = `#!/bin/sh\nshift 2\ncase $* in ${cases.join("\n")} *) exit 2 ;; esac\n`;
  await Deno.writeTextFile(`${path}/getent`, script, { mode: 0o755 });
  await using shell = new ProcShell({
    ...OPTIONS,
    through: ["/usr/bin/env", `PATH=${path}:/usr/bin:/bin`],
  });
  const found = (name: string) => findUser(name, { shell, ownUid: Deno.uid() ?? 0 });
  if (Deno.uid() === 0) {
    assert.deepEqual(await found("starred"), {
      name: "starred",
      uid: 1234,
      gid: 5678,
      home: "/home/with  blanks/*\\n",
      isOurs: false,
    });
    assert.equal((await found("homeless")).home, "/");
  } else {
    assert.equal(await shell.ask("user starred"), "1234 5678 /home/with  blanks/*\\n");
  }
  for (const name of ["broken", "starred x", "nobody"]) {
    assert.match(String(await rejection(found(name))), /there is no such user/, name);
  }
});

Deno.test("ProcShell takes the path of a cgroup as it is", async () => {
  await using temporary = await temporaryDirectory();
  await using shell = new ProcShell(OPTIONS);
  await Deno.mkdir(`${temporary.path}/a`);
  for (const name of ["[ab]", "*", "\\x2d"]) {
    const path = `${temporary.path}/${name}`;
    assert.equal(await shell.ask(`cgroup_make ${path} file=1`), "");
    assert.equal(await Deno.readTextFile(`${path}/file`), "1\n");
  }
  const failed = "/proc/[x]\\0";
  assert.equal(await shell.ask(`cgroup_make ${failed} file=1`), `${failed} ${failed}`);
  assert.match(await shell.ask(`sessions 1`), /^$|:/, "It still looks at every process");
});

Deno.test("ProcShell is killed by its signal, suspended or not, and answers no more", async () => {
  const controller = new AbortController();
  const through = ["/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh"];
  await using shell = new ProcShell({ ...OPTIONS, through, signal: controller.signal });
  const refused = rejection(shell.ask("uid"));
  const mine = async () => (await allProcesses()).filter(({ parent }) => parent === Deno.pid);
  await until(async () => (await mine()).some(({ state }) => state === "T"));
  const reason = new Error("Too late");
  controller.abort(reason);
  assert.equal(await refused, reason);
  assert.equal(await rejection(asked(shell, "uid")), reason);
  assert.deepEqual((await mine()).filter(({ state }) => state === "T"), []);
});

Deno.test("ProcShell does not gather an answer that has no end", async () => {
  const through = ["/bin/sh", "-c", "exec cat /dev/zero", "sh"];
  await using shell = new ProcShell({ ...OPTIONS, through });
  assert.match(String(await rejection(shell.ask("uid"))), /ends at every start/);
});

Deno.test("ProcShell has a command line that says what it is, and hands its script on to nobody", async () => {
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  const getent = '#!/bin/sh\necho "user:x:${#PROC_SHELL}:0::/:"\n';
  await Deno.writeTextFile(`${path}/getent`, getent, { mode: 0o755 });
  const through = ["/usr/bin/env", `PATH=${path}:/usr/bin:/bin`];
  await using shell = new ProcShell({ ...OPTIONS, through });
  assert.equal(await shell.ask("user user"), "0 0 /", "The variable is not there, or empty");
  const [pid] = await ownShells();
  assert.equal(
    await Deno.readTextFile(`/proc/${pid}/cmdline`),
    ["/bin/sh", "-c", 'eval "$PROC_SHELL"', "job-worker", ""].join("\0"),
  );
});

/** Kills a shell three times and sees that another comes. */
async function replaced(signal: string): Promise<void> {
  const ends: ShellEnd[] = [];
  await using shell = new ProcShell({ ...OPTIONS, onEnded: (end) => ends.push(end) });
  const told = (count: number) =>
    until(() => Promise.resolve(ends.length === count && ends.at(-1)));
  const uid = await shell.ask("uid");
  for (let count = 1; count <= 3; count++) {
    const [pid = 0, ...others] = await ownShells();
    assert.deepEqual(others, []);
    // Deno has no name for a real-time signal, and no number either.
    await new Deno.Command("kill", { args: ["-s", signal, `${pid}`] }).output();
    const { successor, ...end } = await told(count);
    assert.deepEqual(end, { pid, why: `by SIG${signal}` });
    assert.deepEqual(await ownShells(), [successor]);
    assert.equal(await shell.ask("uid"), uid);
  }
}

Deno.test("ProcShell replaces a shell that was killed, and reports it", async () => {
  await replaced("KILL");
});

Deno.test({
  name: "ProcShell replaces a shell that a real-time signal has ended",
  // Deno counts a child as open whose status it could not tell.
  sanitizeResources: false,
  fn: () => replaced("40"),
});

Deno.test("ProcShell stops replacing a shell that ends at every start, until it is asked again", async () => {
  const ends: ShellEnd[] = [];
  await using temporary = await temporaryDirectory();
  await Deno.writeTextFile(`${temporary.path}/broken`, "");
  const script = 'if [ -e "$0/broken" ]; then exit 3; fi; exec "$@"';
  const through = ["/bin/sh", "-c", script, temporary.path];
  await using shell = new ProcShell({ ...OPTIONS, through, onEnded: (end) => ends.push(end) });
  assert.match(String(await rejection(shell.ask("uid"))), /ends at every start/);
  await until(() => Promise.resolve(ends.at(-1)?.successor === null));
  assert.deepEqual(ends.map(({ why }) => why), Array(4).fill("it exited with code 3"));
  assert.ok(ends.slice(0, -1).every(({ successor }) => successor !== null));
  await Deno.remove(`${temporary.path}/broken`);
  assert.match(await shell.ask("uid"), /^\d+$/);
});

Deno.test("ProcShell replaces a shell that does not answer, and reports it", async () => {
  const ends: ShellEnd[] = [];
  const onEnded = (end: ShellEnd) => void ends.push(end);
  await using shell = new ProcShell({ ...OPTIONS, silentMs: 1_000, onEnded });
  await shell.ask("uid");
  const [first] = (await allProcesses()).filter(({ parent }) => parent === Deno.pid);
  assert.ok(first !== undefined);
  Deno.kill(first.pid, "SIGSTOP");
  assert.match(await soon(shell.ask("uid"), () => "the answer of another"), /^\d+$/);
  await until(() => Promise.resolve(ends.length > 0));
  assert.deepEqual([ends[0]?.pid, ends[0]?.why], [first.pid, "it did not answer for 1000 ms"]);
});

Deno.test("ProcShell can be disposed of while its shell is suspended", async () => {
  const shell = new ProcShell({ ...OPTIONS, silentMs: 1_000 });
  await shell.ask("uid");
  const [first] = (await allProcesses()).filter(({ parent }) => parent === Deno.pid);
  assert.ok(first !== undefined);
  Deno.kill(first.pid, "SIGSTOP");
  await soon(shell[Symbol.asyncDispose](), () => "its end");
});

Deno.test("ProcShell that is disposed of does not report that its shell ended", async () => {
  const ends: ShellEnd[] = [];
  const shell = new ProcShell({ ...OPTIONS, onEnded: (end) => ends.push(end) });
  await shell.ask("uid");
  await shell[Symbol.asyncDispose]();
  assert.deepEqual(ends, []);
});
