/**
 * `deno task bench`: what the parts cost, each as a ratio to a limit that is measured in the same run,
 * so that the figures of different machines can be compared. Not a test: nothing fails here.
 *
 * @module
 */

import { NetworkFront } from "../lib/daemon/network_front.ts";
import { EngineClient } from "../lib/engine/client.ts";
import { EngineServer } from "../lib/engine/server.ts";
import { connect } from "../lib/grpc/client.ts";
import type { CallContext, JobService, LogBatch } from "../lib/service/job_service.ts";
import { WorkerService } from "../lib/service/worker_service.ts";
import { SqliteStore } from "../lib/store/sqlite_store.ts";
import { Worker } from "../lib/worker/mod.ts";
import { TestCertificates } from "../tests/certificates.ts";
import { median, rate, report, throughput } from "./measure.ts";

const LOG_BYTES = 300_000_000;
const context: CallContext = {
  caller: {
    identity: { user: "bench", roles: ["admin"] },
    fingerprint: "",
    peer: "127.0.0.1:1",
  },
  signal: new AbortController().signal,
};

const batchBytes = (batch: LogBatch) =>
  batch.records.reduce((sum, { data }) => sum + data.byteLength, 0);

function setsid(...args: string[]): Deno.ChildProcess {
  return new Deno.Command("setsid", { args, stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
}

async function drained(child: Deno.ChildProcess): Promise<void> {
  const drain = async (stream: ReadableStream) => {
    for await (const _ of stream);
  };
  await Promise.all([child.status, drain(child.stdout), drain(child.stderr)]);
}

async function benchStarts(worker: Worker): Promise<void> {
  const limit = await rate(400, 16, () => drained(setsid("true")));
  const starts = await rate(400, 16, async () => {
    const { jobId } = await worker.start({ command: { name: "true" }, owner: "bench" });
    await worker.wait(jobId);
  });
  report("jobs started, run and recorded", starts, limit, "/s");
}

async function benchLogs(worker: Worker, directory: string): Promise<string> {
  const script = `head -c ${LOG_BYTES} /dev/zero`;
  const pipe = setsid("sh", "-c", script);
  const [limit] = await Promise.all([
    throughput(pipe.stdout, (chunk) => chunk.byteLength),
    pipe.stderr.cancel(),
    pipe.status,
  ]);
  const startedAt = performance.now();
  const job = await worker.start({
    command: { name: "sh", args: ["-c", script] },
    owner: "bench",
  });
  await worker.wait(job.jobId);
  report("log written", LOG_BYTES / 1000 / (performance.now() - startedAt), limit, "MB/s");

  const path = `${directory}/plain`;
  await Deno.writeFile(path, new Uint8Array(LOG_BYTES));
  const file = await Deno.open(path);
  const reads = await throughput(file.readable, (chunk) => chunk.byteLength);
  const log = worker.readLog(job.jobId, {
    start: { kind: "offset", offset: 0 },
    streams: ["stdout", "stderr"],
    follow: false,
  });
  report("log read", await throughput(log, batchBytes), reads, "MB/s");
  return job.jobId;
}

async function benchService(name: string, service: JobService, jobId: string): Promise<void> {
  const unary = await median(500, () => service.getJob({ jobId }, context));
  const stream = await throughput(
    service.streamLogs({ jobId, streams: [], follow: false, start: ORIGIN }, context),
    batchBytes,
  );
  print(`${name.padEnd(44)} ${unary.toFixed(0).padStart(8)} us p50 ${stream.toFixed(0)} MB/s`);
}

const ORIGIN = { kind: "offset", offset: 0 } as const;

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The whole way over mTLS and gRPC on the loopback, with whatever is behind it. */
async function benchNetwork(
  name: string,
  service: JobService,
  jobId: string,
  certificates: TestCertificates,
): Promise<void> {
  await using front = await NetworkFront.open(service, {
    address: { hostname: "127.0.0.1", port: 0 },
    ...certificates.paths("server"),
    maxConnections: 100,
    maxConnectionsPerAddress: 100,
    inherited: { grpc: null, rest: null },
    exclusive: true,
    denyList: "",
    restAddress: null,
    users: "",
  });
  const material = await certificates.material("client");
  await using client = await connect({
    address: `127.0.0.1:${front.addresses.address.port}`,
    ca: material.ca,
    cert: material.cert,
    key: material.key,
  });
  const unary = await median(500, () => client.getJob({ jobId }));
  const stream = await throughput(
    client.streamLogs({ jobId, streams: [], follow: false, start: ORIGIN }),
    batchBytes,
  );
  print(`${name.padEnd(44)} ${unary.toFixed(0).padStart(8)} us p50 ${stream.toFixed(0)} MB/s`);
}

const directory = await Deno.makeTempDir({ prefix: "job-worker-bench-" });
try {
  await using certificates = await TestCertificates.create();
  await using store = await SqliteStore.open(`${directory}/jobs.db`);
  await using worker = await Worker.open({ dataDirectory: directory, store });
  await benchStarts(worker);
  const jobId = await benchLogs(worker, directory);
  const audit = { write: () => Promise.resolve(), assertWritable: () => Promise.resolve() };
  const service = new WorkerService(worker, audit);
  const path = `${directory}/engine.sock`;
  await using _server = await EngineServer.listen(service, {
    path,
    onFault: (error) => print(String(error)),
  });
  using remote = new EngineClient(path);
  await benchService("service in the same process", service, jobId);
  await benchService("service over the engine's socket", remote, jobId);
  await benchNetwork("gRPC and mTLS, service in the same process", service, jobId, certificates);
  await benchNetwork("gRPC and mTLS, over the engine's socket", remote, jobId, certificates);
} finally {
  await Deno.remove(directory, { recursive: true });
}
