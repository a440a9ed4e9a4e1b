import { connect } from "@nats-io/transport-node";
import { NatsTransport } from "../../lib/fleet/nats_transport.ts";
import { hubInbox } from "../../lib/fleet/subjects.ts";
import type { TestHub } from "../../tests/fleet/test_hub.ts";

/** The method of calls that simulated hosts answer at once, and unsealed. */
export const BARE = "bare";

type Bytes = Uint8Array<ArrayBuffer>;

/** How a host answers a bare call: with as many bytes as it asks for. */
export function bareAnswer(call: Bytes): Bytes {
  return new Uint8Array(new DataView(call.buffer, call.byteOffset).getUint32(0));
}

/** The same bus and the same agents as those of the hub, without what makes calls safe: the limit. */
export class BareBus implements AsyncDisposable {
  readonly #transport: NatsTransport;

  private constructor(transport: NatsTransport) {
    this.#transport = transport;
  }

  /** Connects as the hub may. */
  static async connect(hub: TestHub): Promise<BareBus> {
    // The hub itself has what is one level higher.
    const inbox = `${hubInbox("hub")}.bare`;
    const connection = await connect({
      ...{ servers: `127.0.0.1:${hub.port}`, tls: await hub.tls(), inboxPrefix: inbox },
      resolve: false,
    });
    const ignore = () => {};
    return new BareBus(
      new NatsTransport(connection, {
        ...{ inbox, onSilent: ignore, onConnected: ignore, onFault: ignore },
      }),
    );
  }

  /** Has a host answer with so many bytes. */
  async call(host: string, bytes: number): Promise<Bytes> {
    const asked = new Uint8Array(4);
    new DataView(asked.buffer).setUint32(0, bytes);
    const { signal } = new AbortController();
    return await this.#transport.request(host, BARE, asked, { signal, timeoutMs: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}
