import type { Socket } from "node:net";
import { ChannelCredentials } from "./grpc.ts";

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** Callbacks for the TLS connections of a channel. */
export interface TlsWatch {
  /** Called before each attempt, which fails with what this throws before a byte is sent. */
  allow(): void;
  /** The handshake failed, or the other side reported an error after it. */
  failed(error: Error): void;
  /** The other side closed the connection after the handshake without a word. */
  unanswered(): void;
}

/**
 * Credentials that report how each connection begins. grpc-js does not tell that, and keeps trying even if the
 * other side has refused us for good.
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

/** In TLS 1.3 the server checks the client's certificate when the handshake is already complete for the client. */
function watchOpening(socket: Socket, watch: TlsWatch): void {
  const isSilent = () => socket.bytesRead === 0;
  const onClosed = () => {
    if (isSilent()) watch.unanswered();
  };
  socket.on("error", (error) => {
    // This is how it looks if the connection is closed while we write.
    if ("code" in error && ["ECONNRESET", "EPIPE"].includes(String(error.code))) onClosed();
    else if (isSilent()) watch.failed(error);
  });
  // "end" comes before grpc-js notices; "close" comes even without an orderly end.
  socket.once("end", onClosed);
  socket.once("close", onClosed);
}
