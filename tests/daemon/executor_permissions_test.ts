import { type ExecutorOptions } from "../../lib/daemon/executor_role.ts";
import { executorCommand } from "../../lib/daemon/executor_command.ts";
import { assert } from "../assert.ts";
import { probed } from "../probe.ts";
import { TOOLS } from "../process/tools.ts";
import { ROOT } from "../programs.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const REFUSED = "refused";
const ALLOWED = "allowed";
const HIDDEN = "hidden";

const read = (path: string) => `Deno.readTextFile(${JSON.stringify(path)})`;
const list = (path: string) => `Array.fromAsync(Deno.readDir(${JSON.stringify(path)}))`;
const write = (path: string) => `Deno.writeTextFile(${JSON.stringify(path)}, "").then(() => 1)`;
const remove = (path: string) => `Deno.remove(${JSON.stringify(path)}).then(() => 1)`;
const run = (program: string) => `new Deno.Command(${JSON.stringify(program)}).output()`;
const connect = (options: Record<string, unknown>) =>
  `Deno.connect(${JSON.stringify(options)}).then((connection) => (connection.close(), 1))`;
const listen = (options: Record<string, unknown>) =>
  `(Deno.listen(${JSON.stringify(options)}).close(), 1)`;

/** What an executor in a data directory is started with. */
function optionsFor(data: string): ExecutorOptions {
  return {
    socket: `${data}/executor.1.sock`,
    logs: `${data}/logs`,
    outcomes: `${data}/outcomes`,
    keepsJobs: true,
    settings: {
      dataDirectory: "/data",
      home: "/",
      cgroups: true,
      newPrivileges: true,
      jobUids: { first: 200_000, last: 200_009, homes: `${data}/homes` },
    },
  };
}

Deno.test("An executor is refused whatever it does not need, and granted what it needs", async () => {
  await using directory = await temporaryDirectory();
  const data = `${directory.path}/data`;
  const options = optionsFor(data);
  const { socket, logs, outcomes } = options;
  for (const path of [data, logs, outcomes]) await Deno.mkdir(path);
  for (const name of ["audit.log", "jobs.db", "executor.1.err", "logs/log", "outcomes/outcome"]) {
    await Deno.writeTextFile(`${data}/${name}`, "");
  }
  using other = Deno.listen({ transport: "unix", path: `${data}/executor.0.sock` });
  using engine = Deno.listen({ transport: "unix", path: `${data}/engine.sock` });
  const probes: readonly (readonly [expression: string, expected: string])[] = [
    ...["sh", "/bin/sh", "/bin/true", "/usr/bin/env", Deno.execPath()].map((program) =>
      [run(program), REFUSED] as const
    ),
    [run(TOOLS.setsid), ALLOWED],
    // Signals go through the shell that setsid(1) starts.
    ["Deno.kill(Deno.ppid, 'SIGCONT')", REFUSED],
    ["process.kill(Deno.ppid, 0)", REFUSED],
    ["Deno.dlopen('libc.so.6', {})", REFUSED],

    ...[
      "/etc/passwd",
      "/proc/self/environ",
      "/proc/self/stat",
      `${data}/audit.log`,
      `${data}/jobs.db`,
      `${data}/executor.1.err`,
    ].map((path) => [read(path), REFUSED] as const),
    ...[data, directory.path, "/", "/etc", "/sys/fs/cgroup"].map((path) =>
      [list(path), REFUSED] as const
    ),
    [read(`${logs}/log`), ALLOWED],
    [read(`${outcomes}/outcome`), ALLOWED],
    [list("/usr/bin"), ALLOWED],

    ...[
      `${data}/file`,
      `${data}/audit.log`,
      `${data}/jobs.db`,
      `${data}/executor.1.err`,
      `${data}/executor.0.sock`,
      "/usr/bin/jw-elsewhere",
      "/tmp/elsewhere",
      "elsewhere",
    ].map((path) => [write(path), REFUSED] as const),
    ...[`${data}/audit.log`, `${data}/engine.sock`, `${data}/executor.0.sock`].map((path) =>
      [remove(path), REFUSED] as const
    ),
    // It can remove a cgroup, and do nothing else with it.
    [
      `${
        remove("/sys/fs/cgroup/none")
      }.catch((error) => error.code === "ENOENT" || Promise.reject(error))`,
      ALLOWED,
    ],
    [write("/sys/fs/cgroup/cgroup.procs"), REFUSED],
    ["Deno.mkdir('/sys/fs/cgroup/none')", REFUSED],
    [`Deno.symlink("/etc/passwd", ${JSON.stringify(`${logs}/link`)})`, REFUSED],
    ["Deno.makeTempFile()", REFUSED],
    [write(`${logs}/new`), ALLOWED],
    [write(`${outcomes}/new`), ALLOWED],
    [`Deno.mkdir(${JSON.stringify(`${data}/homes`)}).then(() => 1)`, ALLOWED],

    ["Deno.env.get('PATH') ?? null", HIDDEN],
    ["Deno.env.get('HOME') ?? null", HIDDEN],
    ["Deno.env.get('SECRET') ?? null", HIDDEN],
    ["Deno.env.get('WORKER_ADDRESS') ?? null", HIDDEN],
    ["Deno.hostname()", REFUSED],
    ["Deno.uid()", REFUSED],
    ["Deno.osRelease()", REFUSED],
    ["Deno.networkInterfaces()", REFUSED],
    ["import('node:os').then((os) => os.homedir())", REFUSED],

    [connect({ hostname: "127.0.0.1", port: 1 }), REFUSED],
    [connect({ hostname: "192.0.2.1", port: 80 }), REFUSED],
    [connect({ transport: "unix", path: `${data}/engine.sock` }), REFUSED],
    [connect({ transport: "unix", path: `${data}/executor.0.sock` }), REFUSED],
    ["fetch('https://example.com/')", REFUSED],
    ["Deno.resolveDns('example.com', 'A')", REFUSED],
    ["import('https://example.com/code.ts')", REFUSED],
    [listen({ hostname: "127.0.0.1", port: 0 }), REFUSED],
    [listen({ transport: "unix", path: `${data}/mine.sock` }), REFUSED],
    [listen({ transport: "unix", path: socket }), ALLOWED],
    [write(socket), ALLOWED],
    [remove(socket), ALLOWED],
  ];
  const line = executorCommand(TOOLS.setsid, options);
  assert.equal(line.at(-1), `${ROOT}lib/daemon/executor_main.ts`);
  const outcome = await probed(probes.map(([expression]) => expression), {
    line: line.slice(0, -1),
    directory: directory.path,
    env: { SECRET: "secret", WORKER_ADDRESS: "secret" },
  });
  assert.deepEqual(
    outcome.map((outcome, index) => [probes[index]?.[0], outcome]),
    probes.map(([expression, expected]) => [expression, expected]),
  );
  for (const listener of [other, engine]) assert.equal(listener.addr.transport, "unix");
});

Deno.test("The flags of an executor name each thing that it may use", () => {
  const line = executorCommand(TOOLS.setsid, optionsFor("/data"));
  const flags = line.filter((word) => word.startsWith("--allow"));
  assert.deepEqual(flags.toSorted(), [
    "--allow-net=unix:/data/executor.1.sock",
    "--allow-read=/usr/bin,/bin,/usr/sbin,/sbin,/usr/local/bin," +
    "/data/executor.1.sock,/data/logs,/data/outcomes,/data/homes",
    `--allow-run=${TOOLS.setsid}`,
    "--allow-write=/data/executor.1.sock,/data/logs,/data/outcomes,/data/homes,/sys/fs/cgroup",
  ]);
  const { settings, ...options } = optionsFor("/data");
  const without = { ...options, settings: { ...settings, cgroups: false, jobUids: null } };
  assert.doesNotMatch(executorCommand(TOOLS.setsid, without).join(" "), /\/homes|cgroup/);
  for (const flag of ["--no-prompt", "--ignore-env", "--cached-only", "--no-npm", "--no-remote"]) {
    assert.ok(line.includes(flag), flag);
  }
});

/** Folders of which nothing may be in the process that runs the jobs. */
const FOREIGN = /\/lib\/(store|service|grpc|rest|engine|auth|worker|config|cli|fleet)\//;

Deno.test("An executor consists of nothing from outside, and of nothing that decides or serves", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `${ROOT}lib/daemon/executor_main.ts`],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const names: string[] = modules.map(({ specifier }: { specifier: string }) => specifier);
  assert.ok(names.some((name) => name.endsWith("/lib/executor/server.ts")), "This is the graph");
  assert.deepEqual(names.filter((name) => !name.startsWith(`file://${ROOT}lib/`)), []);
  assert.deepEqual(names.filter((name) => FOREIGN.test(name)), []);
});
