import { connect as connectTls, type TLSSocket } from "node:tls";
import type { TlsMaterial } from "../lib/auth/tls_material.ts";
import { connect, type JobWorkerClient } from "../lib/grpc/client.ts";
import { batchBytes, bytesOf, LOG_BYTES, LOG_LIMIT, PRINTING } from "./worker_rows.ts";

/** A process that is asked for small answers and for long streams, over one connection or more. */
export interface Target extends AsyncDisposable {
  call(): Promise<unknown>;
  stream(bytes: number): Promise<unknown>;
}

/** A daemon with the log of a job, whatever processes it is made of. */
export class DaemonTarget implements Target {
  readonly #client: JobWorkerClient;
  readonly #jobId: string;

  private constructor(client: JobWorkerClient, jobId: string) {
    this.#client = client;
    this.#jobId = jobId;
  }

  static async open(address: string, { cert, key, ca }: TlsMaterial): Promise<DaemonTarget> {
    const client = await connect({ address, cert, key, ca });
    const { jobId } = await client.startJob({
      command: PRINTING,
      labels: {},
      requestId: "",
      logLimit: LOG_LIMIT,
    });
    await client.waitJob({ jobId });
    return new DaemonTarget(client, jobId);
  }

  call(): Promise<unknown> {
    return this.#client.getJob({ jobId: this.#jobId });
  }

  stream(bytes: number): Promise<unknown> {
    const start = { kind: "offset", offset: LOG_BYTES - bytes } as const;
    const request = { jobId: this.#jobId, streams: [], follow: false, start };
    return bytesOf(this.#client.streamLogs(request), batchBytes);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]();
  }
}

/** TLS and nothing else: a byte there and back, and bytes without a form. */
export class TlsTarget implements Target {
  readonly #address: string;
  readonly #ca: string;
  readonly #echo: TLSSocket;
  /** Those who wait for a byte, in the order in which they have sent theirs. */
  readonly #waiting: (() => void)[] = [];

  private constructor(address: string, ca: string, echo: TLSSocket) {
    this.#address = address;
    this.#ca = ca;
    this.#echo = echo;
    echo.on("data", (bytes: Uint8Array) => {
      for (const resolve of this.#waiting.splice(0, bytes.byteLength)) resolve();
    });
  }

  static async open(address: string, ca: string): Promise<TlsTarget> {
    return new TlsTarget(address, ca, await dial(address, ca));
  }

  async call(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.#echo.write(new Uint8Array(1));
    await promise;
  }

  async stream(bytes: number): Promise<void> {
    const port = Number(this.#address.split(":")[1]);
    using connection = await Deno.connectTls({ hostname: "localhost", port, caCerts: [this.#ca] });
    await connection.write(new TextEncoder().encode(`send ${bytes}\n`));
    const buffer = new Uint8Array(256 * 1024);
    for (let left = bytes; left > 0;) left -= await connection.read(buffer) ?? left;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#echo.destroy();
    return Promise.resolve();
  }
}

async function dial(address: string, ca: string): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const [host, port] = address.split(":");
  const socket = connectTls({ host, port: Number(port), servername: "localhost", ca }, resolve);
  socket.once("error", reject);
  await promise;
  return socket;
}
