/**
 * A crowd of clients without a certificate or a password, from many addresses of 127.0.0.0/8, that holds on to as many
 * connections as it can and makes a new one for each that it loses.
 *
 * @module
 */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import * as tls from "node:tls";

/** What a client of the crowd does with a connection: it says nothing, or never comes to the end of a handshake. */
export const FLOODS = ["idle", "half", "slow", "full"] as const;

/** Options of {@linkcode Flood.start}. */
export interface FloodOptions {
  readonly port: number;
  /** Each has so many connections, of each kind. */
  readonly addresses: readonly string[];
  readonly connectionsOfEach: number;
  /** All by default. */
  readonly kinds?: readonly (typeof FLOODS)[number][];
}

/** How long a client waits before it tries again. */
const PAUSE_MS = 20;
/** How long a slow one waits between two bytes. */
const BYTE_MS = 50;

export class Flood implements AsyncDisposable {
  readonly #options: FloodOptions;
  readonly #hello: Uint8Array;
  readonly #clients: Promise<void>[];
  readonly #open = new Set<Socket>();
  #isOver = false;
  /** How many connections it has made so far. */
  made = 0;

  private constructor(options: FloodOptions, hello: Uint8Array) {
    this.#options = options;
    this.#hello = hello;
    const { addresses, connectionsOfEach, kinds = FLOODS } = options;
    this.#clients = addresses.flatMap((address) =>
      kinds.flatMap((kind) =>
        Array.from({ length: connectionsOfEach }, () => this.#run(address, kind))
      )
    );
  }

  static async start(options: FloodOptions): Promise<Flood> {
    return new Flood(options, await clientHello());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const socket of this.#open) socket.destroy();
    await Promise.all(this.#clients);
  }

  async #run(localAddress: string, kind: (typeof FLOODS)[number]): Promise<void> {
    while (!this.#isOver) {
      const socket = this.#connect(localAddress, kind);
      this.#open.add(socket);
      socket.on("error", () => {});
      socket.once("connect", () => this.made++);
      socket.resume();
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      if (kind === "half") socket.write(this.#hello);
      await Promise.all([closed, kind === "slow" && this.#drip(socket)]);
      this.#open.delete(socket);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #connect(localAddress: string, kind: (typeof FLOODS)[number]): Socket {
    const options = { host: "127.0.0.1", port: this.#options.port, localAddress };
    return kind === "full"
      ? tls.connect({ ...options, ALPNProtocols: ["h2"], rejectUnauthorized: false })
      : connect(options);
  }

  async #drip(socket: Socket): Promise<void> {
    for (const byte of this.#hello) {
      if (!socket.writable) return;
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, BYTE_MS));
    }
  }
}

/** `127.0.1.1`, `127.0.2.1` and so on: each from a network of its own. */
export function networks(count: number): string[] {
  return Array.from({ length: count }, (_, network) => `127.0.${network + 1}.1`);
}

/** `127.9.9.1`, `127.9.9.2` and so on: all from one network. */
export function neighbours(count: number): string[] {
  return Array.from({ length: count }, (_, host) => `127.9.9.${host + 1}`);
}

/** The first thing that a TLS client says. */
async function clientHello(): Promise<Uint8Array> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("It does not listen");
  const client = tls.connect({ host: "127.0.0.1", port: address.port, rejectUnauthorized: false });
  client.on("error", () => {});
  const [accepted] = await once(server, "connection") as [Socket];
  const [hello] = await once(accepted, "data") as [Uint8Array];
  const ended = [client, accepted].map((socket) => once(socket, "close"));
  for (const socket of [client, accepted]) socket.destroy();
  await Promise.all(ended);
  await once(server.close(), "close");
  return hello;
}
