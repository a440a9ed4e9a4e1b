/**
 * HTTP/2 by hand over a real TLS connection, for what no library would send. The numbers are those of
 * RFC 9113.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { TestCertificates } from "../certificates.ts";

export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** The bytes of a frame. */
export function frameOf(
  type: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(),
  flags = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(9 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length << 8 | type);
  view.setUint8(4, flags);
  view.setUint32(5, streamId);
  bytes.set(payload, 9);
  return bytes;
}

/** The payload of frames that carry one number: an error code, an increment. */
export function numberPayload(value: number): Uint8Array {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}

/** Headers as literals that neither side remembers (RFC 7541, 6.2.2). None may have 127 bytes. */
export function headerBlock(headers: Readonly<Record<string, string>>): Uint8Array {
  const literals = Object.entries(headers).map(([name, value]) =>
    Buffer.from(
      `\0${String.fromCharCode(name.length)}${name}` +
        `${String.fromCharCode(value.length)}${value}`,
      "latin1",
    )
  );
  return Buffer.concat(literals);
}

/** The headers of a call of the service. */
export function callHeaders(method: string): Uint8Array {
  return headerBlock({
    ":method": "POST",
    ":scheme": "https",
    ":path": `/jobworker.v1.JobWorker/${method}`,
    ":authority": "localhost",
    "content-type": "application/grpc",
    te: "trailers",
  });
}

/** A whole call, with `{jobId: "x"}` for its message. */
export function callFrames(method: string, streamId: number): Uint8Array[] {
  const message = Uint8Array.of(0, 0, 0, 0, 3, 0x0a, 1, 0x78);
  return [
    frameOf(FRAME.headers, streamId, callHeaders(method), END_HEADERS),
    frameOf(FRAME.data, streamId, message, END_STREAM),
  ];
}

/** How long a connection may last: a test that waits for what never comes is to fail, not to hang. */
const TIMEOUT_MS = 30_000;

/** A connection with the client's certificate. It answers nothing by itself. */
export class RawHttp2 implements Disposable {
  readonly #connection: Deno.TlsConn;
  readonly #timeout: ReturnType<typeof setTimeout>;
  #unread = Buffer.alloc(0);
  #isOpen = true;

  private constructor(connection: Deno.TlsConn) {
    this.#connection = connection;
    this.#timeout = setTimeout(() => this.#close(), TIMEOUT_MS);
  }

  static async connect(
    server: { readonly port: number; readonly certificates: TestCertificates },
  ): Promise<RawHttp2> {
    const { ca, cert, key } = await server.certificates.material("client");
    const connection = await Deno.connectTls({
      hostname: "localhost",
      port: server.port,
      caCerts: [ca],
      cert,
      key,
      alpnProtocols: ["h2"],
    });
    const raw = new RawHttp2(connection);
    await raw.send(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frameOf(FRAME.settings, 0));
    return raw;
  }

  /** Sends bytes, and tells whether the other side still takes them. */
  async send(...parts: readonly Uint8Array[]): Promise<boolean> {
    const bytes = Buffer.concat(parts);
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#connection.write(bytes.subarray(at));
      }
      return true;
    } catch {
      return false;
    }
  }

  /** The next frame, or `null` at the end of the connection, however it comes. */
  async receive(): Promise<Frame | null> {
    const head = await this.#take(9);
    if (head === null) return null;
    const payload = await this.#take(head.readUIntBE(0, 3));
    if (payload === null) return null;
    return { type: head[3] ?? 0, flags: head[4] ?? 0, streamId: head.readUInt32BE(5), payload };
  }

  /** The next frame of a type. */
  async receiveOnly(type: number): Promise<Frame | null> {
    for (;;) {
      const frame = await this.receive();
      if (frame === null || frame.type === type) return frame;
    }
  }

  /** Whether the other side has dealt with all that it was sent, and has not closed the connection. */
  async answersPing(): Promise<boolean> {
    const mark = crypto.getRandomValues(new Uint8Array(8));
    await this.send(frameOf(FRAME.ping, 0, mark));
    for (;;) {
      const frame = await this.receiveOnly(FRAME.ping);
      if (frame === null) return false;
      if (frame.flags === ACK && mark.every((byte, at) => byte === frame.payload[at])) return true;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timeout);
    this.#close();
  }

  #close(): void {
    if (this.#isOpen) this.#connection.close();
    this.#isOpen = false;
  }

  async #take(length: number): Promise<Buffer | null> {
    const buffer = new Uint8Array(64 * 1024);
    while (this.#unread.length < length) {
      const count = await this.#connection.read(buffer).catch(() => null);
      if (count === null) return null;
      this.#unread = Buffer.concat([this.#unread, buffer.subarray(0, count)]);
    }
    const taken = this.#unread.subarray(0, length);
    this.#unread = this.#unread.subarray(length);
    return taken;
  }
}
