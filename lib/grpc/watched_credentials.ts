import type { Socket } from "node:net";
import { ChannelCredentials } from "./grpc.ts";

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** What to tell of the TLS connections of a channel. */
export interface TlsWatch {
  /** Asked before each: what it throws is what the attempt ends in, without a byte. */
  allow(): void;
  /** The handshake failed, or the other side has said after it what it does not like. */
  failed(error: Error): void;
  /** The other side has closed it after the handshake without a word. */
  unanswered(): void;
}

/**
 * Credentials that tell how each connection began. grpc-js keeps that to itself, and makes one attempt
 * after the other, also where the other side has refused us for good.
 */
export class WatchedCredentials extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #watch: TlsWatch;

  constructor(inner: ChannelCredentials, watch: TlsWatch) {
    super();
    this.#inner = inner;
    this.#watch = watch;
  }

  override _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    ...args: Parameters<ChannelCredentials["_createSecureConnector"]>
  ): SecureConnector {
    const inner = this.#inner._createSecureConnector(...args);
    const watch = this.#watch;
    return {
      waitForReady: () => inner.waitForReady(),
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
      async connect(transport) {
        watch.allow();
        const result = await inner.connect(transport).catch((error) => {
          if (error instanceof Error) watch.failed(error);
          throw error;
        });
        watchOpening(result.socket, watch);
        return result;
      },
    };
  }
}

/** In TLS 1.3 a client's certificate is judged when the client already takes the handshake as done. */
function watchOpening(socket: Socket, watch: TlsWatch): void {
  const isSilent = () => socket.bytesRead === 0;
  const onClosed = () => {
    if (isSilent()) watch.unanswered();
  };
  socket.on("error", (error) => {
    // To be closed while we write looks like this.
    if ("code" in error && ["ECONNRESET", "EPIPE"].includes(String(error.code))) onClosed();
    else if (isSilent()) watch.failed(error);
  });
  // The one tells it before grpc-js notices, the other where there is no orderly end.
  socket.once("end", onClosed);
  socket.once("close", onClosed);
}
