import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import * as tls from "node:tls";
import type { ClientCertificate } from "../../lib/auth/client_certificate.ts";
import {
  type RefusedClient,
  TlsListener,
  type TlsListenerOptions,
} from "../../lib/grpc/tls_listener.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { soon } from "../soon.ts";

export const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());
export const server = await certificates.material("server");
export const admin = await certificates.material("client");

/** A listener that greets whom it lets in, and what it has said. */
export class TestListener implements AsyncDisposable {
  readonly clients: ClientCertificate[] = [];
  readonly sockets: tls.TLSSocket[] = [];
  readonly refusals: RefusedClient[] = [];
  #listener: TlsListener | undefined;
  #onRefusal = Promise.withResolvers<void>();

  static async listen(options: Partial<TlsListenerOptions> = {}): Promise<TestListener> {
    const fixture = new TestListener();
    fixture.#listener = await TlsListener.listen({
      hostname: "127.0.0.1",
      port: 0,
      material: server,
      onConnection: (socket, client) => {
        fixture.sockets.push(socket);
        fixture.clients.push(client);
        socket.write("welcome");
      },
      onRefused: (refusal) => {
        fixture.refusals.push(refusal);
        fixture.#onRefusal.resolve();
        fixture.#onRefusal = Promise.withResolvers();
      },
      onError: (error) => {
        throw error;
      },
      ...options,
    });
    return fixture;
  }

  get listener(): TlsListener {
    assert.ok(this.#listener);
    return this.#listener;
  }

  get port(): number {
    return this.listener.address.port;
  }

  /** The next refusal that nobody has taken yet. */
  async nextRefusal(): Promise<RefusedClient> {
    while (this.refusals.length === 0) {
      await soon(this.#onRefusal.promise, () => "a connection that is refused");
    }
    const refusal = this.refusals.shift();
    assert.ok(refusal);
    return refusal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener[Symbol.asyncDispose]();
    for (const socket of this.sockets) await closed(socket, () => socket.destroy());
  }
}

export function connect(port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ca: certificates.ca.cert,
    ALPNProtocols: ["h2"],
    ...options,
  });
  socket.on("error", () => {});
  return socket;
}

/** What the listener says first; `null` if it hangs up instead. */
export async function greeting(socket: tls.TLSSocket): Promise<string | null> {
  const answer = Promise.withResolvers<string | null>();
  socket.once("data", (data) => answer.resolve(String(data)));
  socket.once("close", () => answer.resolve(null));
  return await soon(answer.promise, () => "a greeting, or the end of the connection");
}

export async function closed(socket: tls.TLSSocket, act: () => void = () => {}): Promise<void> {
  if (socket.closed) return;
  const close = once(socket, "close");
  act();
  await soon(close, () => "the end of a connection");
}

/** Connects, asserts that it is let in, and leaves again. */
export async function assertAdmitted(
  fixture: TestListener,
  options: tls.ConnectionOptions,
): Promise<void> {
  const socket = connect(fixture.port, options);
  assert.equal(await greeting(socket), "welcome");
  await closed(socket, () => socket.destroy());
}

/** Connects, asserts that it is turned away, and returns what the listener had to say about it. */
export async function refusalOf(
  fixture: TestListener,
  options: tls.ConnectionOptions,
): Promise<RefusedClient> {
  assert.equal(await greeting(connect(fixture.port, options)), null);
  const refusal = await fixture.nextRefusal();
  assert.match(refusal.peer, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(fixture.clients, []);
  return refusal;
}

export function fingerprintOf({ cert }: { readonly cert: string }): string {
  return new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();
}
