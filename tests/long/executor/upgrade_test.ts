import { compile } from "../../../build/compile.ts";
import { connect, type JobWorkerClient } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { WITHOUT_REST } from "../../end_to_end/daemon.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { AS_ROOT } from "../../programs.ts";
import { allProcesses, temporaryDirectory, textOf, until } from "../../worker/fixture.ts";

/** Builds of the daemon, by what `--version` says of them. */
const BUILDS = ["first", "second"] as const;

/** The executors in a data directory, by where their program was unpacked. */
async function executorsIn(data: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const { pid } of await allProcesses()) {
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    const program = /\0([^\0]+)\/executor_main\.\w+\0$/.exec(line)?.[1];
    if (program !== undefined && line.includes(`${data}/executor.`)) found.set(program, pid);
  }
  return found;
}

/** The executables of a build, as `deno task compile` makes them. */
async function make(out: string, build: string): Promise<void> {
  await compile({ target: Deno.build.target, out, portable: true, build, say: () => {} });
}

async function outputOf(client: JobWorkerClient, jobId: string): Promise<string> {
  const batches = await Array.fromAsync(client.streamLogs({ jobId, follow: true }));
  return textOf(batches.flatMap(({ records }) => records) as Parameters<typeof textOf>[0]);
}

Deno.test("Another build takes up the jobs of the one before, there and back again", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const { path } = directory;
  for (const build of BUILDS) await make(`${path}/${build}`, build);
  const data = `${path}/data`;
  const { cert, key, ca } = certificates.paths("server");
  const material = await certificates.material("client");
  let address = "127.0.0.1:0";

  /** Installs a build of the daemon, and lets it run, and hand over to the next one. */
  const withBuild = async (
    build: typeof BUILDS[number],
    use: (client: JobWorkerClient) => Promise<void>,
    signal: "SIGUSR2" | "SIGTERM" = "SIGUSR2",
  ) => {
    const daemonPath = `${path}/worker-daemon`;
    const copied = await new Deno.Command("install", {
      args: ["-m", "755", `${path}/${build}/worker-daemon`, daemonPath],
    }).output();
    assert.ok(copied.success);
    await using daemon = new TestProcess([
      daemonPath,
      ...[`--address=${address}`, `--data-dir=${data}`, ...AS_ROOT],
      ...[`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`],
    ], { cwd: path, env: { ...WITHOUT_REST, XDG_CACHE_HOME: `${path}/cache` } });
    [, address = ""] = await daemon.seen(/listening on (\S+)\n/);
    {
      await using client = await connect({ address, ...material });
      await use(client);
    }
    daemon.kill(signal);
    const { code, stderr } = await daemon.finished();
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`worker-daemon \\S+ \\(${build}\\) starts`));
    assert.doesNotMatch(stderr, / ERROR /);
  };
  const start = async (client: JobWorkerClient, code: number) => {
    const script = 'while [ ! -e "$1" ]; do echo line; sleep 0.1; done; echo last; exit "$2"';
    const args = ["-c", script, "sh", `${path}/end-${code}`, `${code}`];
    return (await client.startJob({ command: { name: "sh", args } })).jobId;
  };
  const ended = async (client: JobWorkerClient, jobId: string, code: number) => {
    await Deno.writeTextFile(`${path}/end-${code}`, "");
    const { end } = await client.waitJob({ jobId });
    assert.deepEqual(end?.exitStatus, { code });
    assert.match(await outputOf(client, jobId), /^(line\n)+last\n$/);
  };

  let [first, second, third] = ["", "", ""];
  await withBuild("first", async (client) => {
    first = await start(client, 1);
  });
  const ofFirst = await executorsIn(data);
  assert.equal(ofFirst.size, 1);
  await withBuild("second", async (client) => {
    second = await start(client, 2);
  });
  const ofBoth = await executorsIn(data);
  assert.equal(ofBoth.size, 2);
  await withBuild("first", async (client) => {
    third = await start(client, 3);
    assert.deepEqual(await executorsIn(data), ofBoth);
    await ended(client, second, 2);
    // That of the second has no job any more, and is of another build.
    await until(async () => (await executorsIn(data)).size === 1);
    assert.deepEqual(await executorsIn(data), ofFirst);
  });
  await withBuild("second", async (client) => {
    await ended(client, first, 1);
    await ended(client, third, 3);
    await until(async () => (await executorsIn(data)).size === 1);
    const [ofSecond] = [...ofBoth.keys()].filter((program) => !ofFirst.has(program));
    assert.deepEqual([...(await executorsIn(data)).keys()], [ofSecond]);
    const jobs = (await client.listJobs({})).jobs.map(({ jobId }) => jobId);
    assert.deepEqual(jobs.sort(), [first, second, third].sort());
  }, "SIGTERM");
  assert.equal((await executorsIn(data)).size, 0);
});
