import { connect as connectSocket, type Socket } from "node:net";
import { connect, type JobWorkerClient } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { daemonLine, WITHOUT_REST } from "../../end_to_end/daemon.ts";
import { TcpProxy } from "../../end_to_end/proxy.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { soon } from "../../soon.ts";
import { until } from "../../worker/fixture.ts";
import { Follower, PrintingJobs } from "../../gateway/followers.ts";

/** A daemon that may have so many descriptors, and its gateway too. */
class LimitedDaemon implements AsyncDisposable {
  readonly directory: string;
  readonly pid: number;
  readonly port: number;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, directory: string, port: number) {
    this.#child = child;
    this.directory = directory;
    this.pid = child.pid;
    this.port = port;
  }

  static async start(certificates: TestCertificates, limit: number): Promise<LimitedDaemon> {
    const directory = await Deno.makeTempDir({ prefix: "job-worker-daemon-" });
    const script = `ulimit -n ${limit}; exec "$@" >stdout 2>stderr`;
    const child = new Deno.Command("sh", {
      args: ["-c", script, "sh", ...daemonLine(certificates, directory)],
      cwd: directory,
      env: WITHOUT_REST,
      stdin: "null",
    }).spawn();
    const [, port] = await until(async () => {
      const stdout = await Deno.readTextFile(`${directory}/stdout`).catch(() => "");
      return /listening on \S+:(\d+)\n/.exec(stdout) ?? false;
    });
    return new LimitedDaemon(child, directory, Number(port));
  }

  diagnostics(): Promise<string> {
    return Deno.readTextFile(`${this.directory}/stderr`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const { code } = await this.#child.status;
    const stderr = await this.diagnostics();
    await Deno.remove(this.directory, { recursive: true });
    assert.equal(code, 0, stderr);
    // Out of descriptors for a moment, a gateway may never accept again. Then it is replaced.
    const errors = stderr.split("\n").filter((line) => / ERROR |^ +at /.test(line));
    assert.deepEqual(errors.filter((line) => !/Gateway \d+ ended: /.test(line)), []);
  }
}

/** Connections on which nobody says anything, from one address. */
class IdleConnections {
  readonly #sockets: Socket[];

  constructor(port: number, localAddress: string, count: number) {
    this.#sockets = Array.from({ length: count }, () => {
      const socket = connectSocket({ host: "127.0.0.1", port, localAddress });
      // It is the end that counts, however it comes.
      socket.on("error", () => {});
      socket.resume();
      return socket;
    });
  }

  /** How many the other side has not ended. */
  get open(): number {
    return this.#sockets.filter((socket) => !socket.closed).length;
  }
}

Deno.test("400 idle connections at a limit of 200 descriptors leave the daemon serving", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await LimitedDaemon.start(certificates, 200);
  const material = await certificates.material("client");
  await using connections = new AsyncDisposableStack();
  const client = async (): Promise<JobWorkerClient> => {
    const { address } = connections.use(TcpProxy.listen(daemon.port));
    return connections.use(await connect({ address, ...material }));
  };
  const first = await client();
  const jobs = await PrintingJobs.start(daemon, first, 1);
  const follower = new Follower(await client(), jobs.ids[0] ?? "");
  await follower.advances();

  // With this limit it takes 50 connections: 12 of strangers from one network, and 6 from one address.
  const idle = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((address) =>
    new IdleConnections(daemon.port, address, 134)
  );
  const open = () => idle.map((connections) => connections.open);
  const total = () => open().reduce((sum, count) => sum + count);
  await until(() => Promise.resolve(total() <= 12 && open().every((count) => count <= 6)));
  await follower.advances();
  // Those that it took never shake hands, which they have ten seconds for.
  await until(() => Promise.resolve(open().every((count) => count === 0)));

  const late = await until(() => client().catch(() => false as const));
  assert.equal((await late.getJob({ jobId: follower.jobId })).end, null);
  const stored = await jobs.end();
  assert.equal(await follower.text, stored.get(follower.jobId));
  const reports = (await daemon.diagnostics()).split("\n").filter((line) => / Refused /.test(line));
  const crowd = reports.filter((line) => line.includes("too many connections"));
  // One, and one more if the gateway was replaced.
  assert.ok(crowd.length === 1 || crowd.length === 2, `${reports}`);
});

Deno.test("900 calls at once at a limit of 400 descriptors leave the gateway as it is", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await LimitedDaemon.start(certificates, 400);
  await using connections = new AsyncDisposableStack();
  const clients = await Promise.all(
    (["client", "viewer"] as const).flatMap((user) => [user, user, user, user]).map(
      async (user) => {
        const { address } = connections.use(TcpProxy.listen(daemon.port));
        return connections.use(await connect({ address, ...await certificates.material(user) }));
      },
    ),
  );
  const [admin] = clients;
  assert.ok(admin !== undefined);
  const jobs = await PrintingJobs.start(daemon, admin, 1);
  const calls = clients.flatMap((client) =>
    Array.from(
      { length: 100 },
      (_, index) =>
        (index % 2 === 0 ? client.listJobs({}) : client.watchJobs({ filter: {} }).next())
          .then(() => "answered", errorCode),
    )
  );
  const ends = new Set(await soon(Promise.all(calls), () => "the end of 900 calls"));
  assert.deepEqual([...ends].toSorted(), ["answered", "resource_exhausted"]);
  assert.doesNotMatch(await daemon.diagnostics(), /Gateway \d+ ended/);
  await jobs.end();
});

function errorCode(error: unknown): string {
  return error instanceof JobWorkerError ? error.code : String(error);
}

/** How many descriptors a process has. */
async function descriptorsOf(pid: number): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
}

Deno.test("660 starts at a limit of 2,048 descriptors leave the daemon serving, with some to spare", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await LimitedDaemon.start(certificates, 2_048);
  await using connections = new AsyncDisposableStack();
  const [admin, operator] = await Promise.all(
    (["client", "operator"] as const).map(async (user) => {
      const { address } = connections.use(TcpProxy.listen(daemon.port));
      return connections.use(await connect({ address, ...await certificates.material(user) }));
    }),
  );
  assert.ok(admin !== undefined && operator !== undefined);
  // A job that takes as many as any does: it prints, and has an input.
  const command = { name: "sh", args: ["-c", "echo; exec cat"], env: {}, workingDirectory: "" };
  const request = { command, labels: {}, requestId: "", execution: { hasInput: true } };
  const jobIds: string[] = [];
  const refusals = new Map<string, number>();
  const startMany = async (client: JobWorkerClient) => {
    for (let count = 0; count < 55; count++) {
      try {
        jobIds.push((await client.startJob(request)).jobId);
      } catch (error) {
        assert.ok(
          error instanceof JobWorkerError && error.code === "resource_exhausted",
          `${error}`,
        );
        refusals.set(error.message, (refusals.get(error.message) ?? 0) + 1);
      }
    }
  };
  await Promise.all([admin, operator].flatMap((client) => Array(6).fill(client)).map(startMany));
  assert.equal(jobIds.length, 330);
  assert.equal([...refusals.values()].reduce((sum, count) => sum + count), 330);
  const messages = [...refusals.keys()];
  assert.ok(messages.every((message) => message.includes("--max-running")), `${messages}`);
  const [executor = 0] = await executorsIn(`${daemon.directory}/data`);
  const used = await until(async () => {
    const counts = await Promise.all([daemon.pid, executor].map(descriptorsOf));
    // Each has its log by then.
    return (counts[1] ?? 0) >= 330 * 5 && counts;
  });
  assert.ok(used.every((count) => count < 1_800), `${used} descriptors of engine and executor`);
  const [jobId = ""] = jobIds;
  const { owner } = await admin.getJob({ jobId });
  await admin.stopJob({ jobId, stopSignal: "", gracePeriodMs: null });
  await (owner === "operator" ? operator : admin).startJob(request);
});
