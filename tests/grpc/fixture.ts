/**
 * A gRPC server over real mutual TLS on a free port, in front of a service that the test makes up.
 *
 * @module
 */

import type { TLSSocket } from "node:tls";
import type { TlsMaterial } from "../../lib/auth/tls_material.ts";
import { connect, type ConnectOptions, type JobWorkerClient } from "../../lib/grpc/client.ts";
import { GrpcServer, type GrpcServerOptions } from "../../lib/grpc/server.ts";
import { type RefusedClient, TlsListener } from "../../lib/grpc/tls_listener.ts";
import type { JobService } from "../../lib/service/job_service.ts";
import type { Job, LogBatch } from "../../lib/job/types.ts";
import { TestCertificates } from "../certificates.ts";
import { job } from "../executor/job_fixture.ts";
import { fakeService } from "../service/samples.ts";

export const JOB: Job = job({
  jobId: "01890a5d-ac96-774b-bcce-b302099a8057",
  command: { name: "sh", args: ["-c", "exit 3"], env: { A: "ä" }, workingDirectory: "/tmp" },
  pid: 4711,
  labels: { team: "blue" },
  startedAt: 1_700_000_000_123,
  stdoutBytes: 2 ** 40,
  stderrBytes: 7,
});

export const FAILED_JOB: Job = {
  ...JOB,
  end: {
    status: "failed",
    reason: "exited",
    exitStatus: { code: 3 },
    finishedAt: 1_700_000_001_999,
  },
};

/** How to read a log from its first byte, and to follow it. */
export const FROM_THE_START = {
  jobId: JOB.jobId,
  streams: [],
  follow: true,
  start: { kind: "offset", offset: 0 } as const,
};

/** One record with `data` that begins at `offset`. */
export function batchOf(offset: number, data: Uint8Array<ArrayBuffer>): LogBatch {
  return {
    records: [{ offset, time: 1_700_000_000_000, stream: "stdout", data }],
    nextOffset: offset + data.length,
    finishedJob: null,
  };
}

/** Options of {@linkcode TestServer.start}. */
interface TestServerOptions extends Omit<GrpcServerOptions, "onFault"> {
  /** `"0.0.0.0"` by default. */
  hostname?: string;
  /** By default, any that is free. */
  port?: number;
  /** Those of another test server; by default there are new ones, which go away with the server. */
  certificates?: TestCertificates;
  /** The name of the server's certificate, if not the one that is good for the local host. */
  material?: TlsMaterial;
}

export class TestServer implements AsyncDisposable {
  /** What the server called a fault of ours. */
  readonly faults: { error: unknown; method: string }[];
  /** Whom it has turned away. */
  readonly refusals: RefusedClient[];
  readonly grpc: GrpcServer;
  readonly certificates: TestCertificates;
  readonly port: number;
  readonly #listener: TlsListener;
  readonly #sockets: ReadonlySet<TLSSocket>;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<TestServer, "faults" | "refusals" | "grpc" | "certificates" | "port">,
    listener: TlsListener,
    sockets: ReadonlySet<TLSSocket>,
    stack: AsyncDisposableStack,
  ) {
    this.faults = parts.faults;
    this.refusals = parts.refusals;
    this.grpc = parts.grpc;
    this.certificates = parts.certificates;
    this.port = parts.port;
    this.#listener = listener;
    this.#sockets = sockets;
    this.#stack = stack;
  }

  static async start(
    methods: Partial<JobService>,
    options: TestServerOptions = {},
  ): Promise<TestServer> {
    const { hostname = "0.0.0.0", port = 0 } = options;
    const stack = new AsyncDisposableStack();
    const certificates = options.certificates ?? stack.use(await TestCertificates.create());
    const faults: TestServer["faults"] = [];
    const refusals: RefusedClient[] = [];
    const sockets = new Set<TLSSocket>();
    const grpc = new GrpcServer(fakeService(methods), {
      ...options,
      onFault: (error, method) => faults.push({ error, method }),
    });
    const listener = await TlsListener.listen({
      hostname,
      port,
      material: options.material ?? await certificates.material("server"),
      onConnection: (socket, client) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        grpc.accept(socket, client);
      },
      onRefused: (refused) => refusals.push(refused),
      onError: (error) => faults.push({ error, method: "listener" }),
    });
    stack.use(grpc);
    stack.use(listener);
    return new TestServer(
      { faults, refusals, grpc, certificates, port: listener.address.port },
      listener,
      sockets,
      stack,
    );
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** A client with one of the certificates; the admin's unless told otherwise. */
  async connect(
    options: Partial<ConnectOptions> & { as?: "client" | "operator" | "viewer" } = {},
  ): Promise<JobWorkerClient> {
    const { ca, cert, key } = await this.certificates.material(options.as ?? "client");
    return await connect({ address: `localhost:${this.port}`, ca, cert, key, ...options });
  }

  /** Breaks every connection, without a word. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Shuts down as the daemon does; the certificates stay. */
  async stop(): Promise<void> {
    await this.#listener[Symbol.asyncDispose]();
    await this.grpc.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Rejects with the reason of the signal, once that is aborted. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
