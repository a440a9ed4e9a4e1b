import { connect } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { ROOT } from "../../programs.ts";
import { until } from "../../worker/fixture.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";

/** A daemon that gets so many listening sockets from whoever starts it. */
function activated(
  certificates: TestCertificates,
  count: number,
  args: readonly string[] = [],
): Promise<TestDaemon> {
  const starter = ["python3", `${ROOT}tests/long/end_to_end/socket_unit.py`, `${count}`];
  return TestDaemon.start(certificates, { args, starter });
}

/** Ends the daemon, and starts it again while the sockets stay. */
async function restarted(daemon: TestDaemon): Promise<void> {
  await ended(daemon);
  Deno.kill(daemon.pid, "SIGUSR2");
  await until(async () => (await daemon.outputs()).stdout.endsWith(` ${daemon.address}\n`));
}

async function ended(daemon: TestDaemon): Promise<void> {
  Deno.kill(daemon.pid, "SIGUSR1");
  await until(async () => (await daemon.outputs()).stdout.endsWith("\nended\n"));
}

/** How many connections to a port of this machine are open, accepted or not: see proc_pid_net(5). */
async function connectionsTo(port: number): Promise<number> {
  const ESTABLISHED = "01";
  const [, ...lines] = (await Deno.readTextFile("/proc/net/tcp")).trimEnd().split("\n");
  const sockets = lines.map((line) => line.trim().split(/\s+/));
  return sockets.filter(([, local = "", , state]) =>
    parseInt(local.split(":")[1] ?? "", 16) === port && state === ESTABLISHED
  ).length;
}

Deno.test("a daemon whose socket another process holds is restarted, and nobody is refused", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await activated(certificates, 1);
  const jobId = await daemon.sh("echo ready; exec sleep 1000");
  await using follower = daemon.startCli(["output", jobId]);
  await follower.seen(/^ready\n$/);

  await ended(daemon);
  const before = await connectionsTo(daemon.port);
  await using status = daemon.startCli(["status", "--json", jobId]);
  await using list = daemon.startCli(["list", "all"]);
  await using run = daemon.startCli(["run", "--", "echo", "late"]);
  const calls = [status, list, run];
  await until(async () => await connectionsTo(daemon.port) >= before + calls.length);

  Deno.kill(daemon.pid, "SIGUSR2");
  for (const call of calls) {
    const { code, stderr } = await call.finished();
    assert.deepEqual([code, stderr], [0, ""]);
  }
  assert.equal(JSON.parse(status.stdout).reason, "shutdown");
  assert.match(list.stdout, new RegExp(`^${jobId}\tcancelled\t`, "m"));
  assert.equal(run.stdout, "late\n");
  const { code, stdout, stderr } = await follower.finished();
  assert.deepEqual({ code, stdout }, { code: 137, stdout: "ready\n" });
  assert.match(stderr, /^worker-cli: Job \S+ cancelled: the daemon was shut down, .*SIGKILL\n$/);
});

Deno.test("calls that are under way when the daemon is restarted are answered by the next", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await activated(certificates, 1);
  const material = await certificates.material("client");
  let answers = 0;
  const done = new AbortController();
  const callers = Array.from({ length: 4 }, async () => {
    while (!done.signal.aborted) {
      await using client = await connect({ address: daemon.address, ...material });
      await client.listJobs({ filter: {}, pageSize: 1, pageToken: "" });
      answers++;
    }
  });
  try {
    for (let restarts = 0; restarts < 2; restarts++) {
      const before = answers;
      await until(() => Promise.resolve(answers > before));
      await restarted(daemon);
    }
  } finally {
    done.abort();
    await Promise.all(callers);
  }
});

Deno.test("SIGHUP replaces the gateway of a daemon whose socket another process holds", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await activated(certificates, 1, ["--gateways=2"]);
  Deno.kill(daemon.pid, "SIGHUP");
  await until(async () => (await daemon.outputs()).stderr.match(/takes over from/g)?.length === 2);
  assert.equal((await daemon.cli(["health"])).stdout, "serving\n");
});

Deno.test("the second socket is that of REST, and jobs get neither", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await activated(certificates, 2, ["--rest-address=127.0.0.1:0"]);
  const { stdout: ports } = await daemon.outputs();
  const [, rest] = new RegExp(`^holding ${daemon.port} (\\d+)\n`).exec(ports) ?? [];
  const { ca } = await certificates.material("client");
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const health = await fetch(`https://127.0.0.1:${rest}/health/`, { client });
  assert.equal(health.status, 200);
  await health.body?.cancel();
  const { stdout } = await daemon.cli(["run", "--", "sh", "-c", "readlink /proc/$$/fd/*"]);
  assert.deepEqual(stdout.split("\n").filter((line) => line.startsWith("socket:")), []);
  assert.match(stdout, /^pipe:/m);
});

Deno.test("a socket that is bound to another address than was asked for is refused", async () => {
  await using certificates = await TestCertificates.create();
  await assert.rejects(activated(certificates, 1, ["--address=127.0.0.2:0"]), {
    message: /Cannot listen on 127\.0\.0\.2:(\d+): the socket .* is bound to 127\.0\.0\.1:\1; /,
  });
  await assert.rejects(activated(certificates, 2), {
    message: /Cannot use the 2 sockets that systemd has handed over: .*REST is off; /,
  });
});
