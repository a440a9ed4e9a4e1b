/**
 * What the daemon and the CLI may not do, asked from inside with the very flags of their tasks. Where
 * a program has a fault, this is what bounds the damage.
 *
 * @module
 */

import { messageOf } from "../lib/errors.ts";
import { assert } from "./assert.ts";
import { TestCertificates } from "./certificates.ts";
import { probed } from "./probe.ts";
import { ROOT, taskArgs } from "./programs.ts";
import { temporaryDirectory } from "./worker/fixture.ts";

/** An expression that a program with the permissions of a task evaluates; `null` is nothing to see. */
type Probe = readonly [expression: string, expected: "allowed" | "refused" | "hidden"];

const RUN = (program: string) => `new Deno.Command(${JSON.stringify(program)}).output()`;
const CONNECT = (hostname: string, port: number) =>
  `Deno.connect(${JSON.stringify({ hostname, port })}).then((connection) => connection.close())`;

/** What neither has any use for. */
const NOBODY: readonly Probe[] = [
  [RUN("sh"), "refused"],
  [RUN("/bin/true"), "refused"],
  [RUN("deno"), "refused"],
  ["Deno.kill(Deno.ppid, 'SIGCONT')", "refused"],
  ["process.kill(Deno.ppid, 0)", "refused"],
  ["Deno.dlopen('libc.so.6', {})", "refused"],
  ["Deno.writeTextFile('elsewhere', '')", "refused"],
  ["Deno.writeTextFile('certs', '')", "refused"],
  ["Deno.writeTextFile('../elsewhere', '')", "refused"],
  ["Deno.writeTextFile('/tmp/elsewhere', '')", "refused"],
  ["Deno.remove('cert.pem')", "refused"],
  ["Deno.symlink('/etc/passwd', 'link')", "refused"],
  ["Deno.makeTempDir()", "refused"],
  ["Deno.readTextFile('/proc/self/environ')", "refused"],
  ["Deno.env.get('PATH') ?? null", "hidden"],
  ["Deno.env.get('SECRET') ?? null", "hidden"],
  ["'SECRET' in Deno.env.toObject() || null", "hidden"],
  ["Deno.osRelease()", "refused"],
  ["Deno.networkInterfaces()", "refused"],
  ["Deno.systemMemoryInfo()", "refused"],
  ["import('https://example.com/code.ts')", "refused"],
  ["import('data:text/javascript,export default 1')", "allowed"],
  ["Deno.env.get('WORKER_DEBUG') ?? null", "allowed"],
  [
    "Deno.readTextFile('/etc/hostname').catch((error) => {" +
    "if (error instanceof Deno.errors.NotCapable) throw error;})",
    "allowed",
  ],
];

/** The daemon reaches no network at all: its gateways do. */
const DAEMON: readonly Probe[] = [
  [CONNECT("127.0.0.1", 1), "refused"],
  [CONNECT("192.0.2.1", 80), "refused"],
  ["Deno.listen({ port: 0 })", "refused"],
  ["Deno.listen({ hostname: '127.0.0.1', port: 0 })", "refused"],
  ["Deno.resolveDns('example.com', 'A')", "refused"],
  ["Deno.listen({ transport: 'unix', path: 'other.sock' })", "refused"],
  ["Deno.hostname()", "refused"],
  ["Deno.writeTextFile('data/file', '')", "allowed"],
  [RUN("/usr/bin/setsid"), "allowed"],
];

/** The CLI runs nothing and writes nothing; it connects to whatever daemon it is told. */
const CLI: readonly Probe[] = [
  [RUN("/usr/bin/setsid"), "refused"],
  ["Deno.writeTextFile('data/file', '')", "refused"],
  ["Deno.hostname()", "refused"],
  ["import('node:os').then((os) => os.homedir())", "refused"],
  [
    CONNECT("127.0.0.1", 1) + ".catch((error) => {" +
    "if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;})",
    "allowed",
  ],
];

/** Lines that write where the task that runs them may not, and what is said of it. */
const ELSEWHERE: readonly (readonly [task: "start" | "cli", words: string, text: RegExp])[] = [
  [
    "cli",
    "certs",
    /^worker-cli: Cannot write to "certs": when run from source, use `deno task certs`, which/,
  ],
  [
    "cli",
    "certs --force",
    /^worker-cli: Cannot write to "certs": when run from source, use `deno task certs`, which/,
  ],
  [
    "cli",
    "certs add al --role viewer --dir CERTS",
    /^worker-cli: Cannot write to ".*": when run from source, use `deno task certs add …`, which/,
  ],
  [
    "start",
    "--data-dir=data2 --job-user=nobody --cert=CERTS/server-cert.pem --key=CERTS/server-key.pem --ca=CERTS/ca-cert.pem",
    /^worker-daemon: Cannot .*: Deno was not given --allow-write for ".*; for another place/,
  ],
];

Deno.test("A program that lacks a permission of Deno says in one line which task may write there", async () => {
  await using directory = await temporaryDirectory();
  await using certificates = await TestCertificates.create();
  const cwd = directory.path;
  const told = await Promise.all(ELSEWHERE.map(async ([task, line, expected]) => {
    const words = line.replaceAll("CERTS", certificates.directory).split(" ");
    const args = [...taskArgs(task, cwd), ...words];
    const env = { NO_COLOR: "1" };
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd, env }).output();
    assert.notEqual(code, 0);
    return [new TextDecoder().decode(stderr), expected] as const;
  }));
  for (const [text, expected] of told) {
    assert.match(text, expected);
    assert.match(text, /^.*see docs\/permissions\.md.*\n$/);
    assert.doesNotMatch(text, /Requires|run again/);
  }
});

Deno.test("messageOf() names the tasks that may write, and where", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const text = messageOf(
    new Deno.errors.NotCapable(
      'Requires write access to "x", run again with the --allow-write flag',
    ),
  );
  for (const task of ["start", "certs", "user", "context"]) {
    const [, place = ""] = /--allow-write=(\S+)/.exec(tasks[task].command) ?? [];
    const shown = place.replace("$HOME", "~").replace(/^(?!~)/, "./");
    assert.ok(text.includes(`\`deno task ${task}\``), task);
    assert.ok(text.includes(` in ${shown}`), place);
  }
});

Deno.test("messageOf() names any missing permission, without the advice of Deno", () => {
  const missing = (text: string) => messageOf(new Deno.errors.NotCapable(text));
  assert.equal(
    missing('Requires net access to "unix:/x", run again with the --allow-net flag'),
    'Deno was not given --allow-net for "unix:/x"',
  );
  assert.equal(
    missing("Requires env access, run again with the --allow-env flag"),
    "Deno was not given --allow-env",
  );
  assert.equal(missing("Something else"), "Something else");
});

for (
  const [task, probes] of [["start", [...NOBODY, ...DAEMON]], ["cli", [...NOBODY, ...CLI]]] as const
) {
  Deno.test(`task ${task} is refused whatever it does not need`, async () => {
    await using directory = await temporaryDirectory();
    await Deno.mkdir(`${directory.path}/data`);
    await Deno.writeTextFile(`${directory.path}/cert.pem`, "");
    const args = taskArgs(task, directory.path);
    assert.ok(args.pop()?.startsWith(ROOT), "The script stands in for the entry");
    const outcomes = await probed(probes.map(([expression]) => expression), {
      line: [Deno.execPath(), ...args],
      directory: directory.path,
      env: { SECRET: "secret", WORKER_DEBUG: "1" },
    });
    assert.deepEqual(
      outcomes.map((outcome, index) => [probes[index]?.[0], outcome]),
      probes.map(([expression, expected]) => [expression, expected]),
    );
  });

  Deno.test(`task ${task} names what it is allowed`, () => {
    const flags = taskArgs(task, "/somewhere").filter((arg) => arg.startsWith("-"));
    for (
      const wide of [
        "-A",
        "--allow-all",
        "--allow-run",
        "--allow-ffi",
        "--allow-write",
        "--allow-env",
        "--allow-sys",
        "--allow-import",
      ]
    ) {
      assert.ok(!flags.includes(wide), `${wide} is wider than it needs`);
    }
    assert.ok(!flags.some((flag) => /^--allow-(all|ffi|import)/.test(flag)));
    assert.ok(flags.includes("--no-prompt"), "A prompt would wait for an answer");
  });
}
