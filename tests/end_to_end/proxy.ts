/** Options of {@linkcode TcpProxy.listen}. */
export interface TcpProxyOptions {
  /** Breaks each connection once so many bytes have come from the daemon over it. */
  readonly breakAfterBytes?: number;
}

interface Pair {
  readonly near: Deno.TcpConn;
  readonly far: Deno.TcpConn;
}

/** Stands between a client and the daemon, and breaks their connections. */
export class TcpProxy implements AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** How many connections were made over it so far. */
  connections = 0;
  readonly #listener: Deno.TcpListener;
  readonly #target: Deno.ConnectOptions;
  readonly #breakAfterBytes: number;
  readonly #pairs = new Set<Pair>();
  #isCut = false;
  readonly #serving: Promise<void>;

  private constructor(listener: Deno.TcpListener, port: number, options: TcpProxyOptions) {
    this.#listener = listener;
    this.#target = { hostname: "127.0.0.1", port };
    this.#breakAfterBytes = options.breakAfterBytes ?? Infinity;
    this.address = `127.0.0.1:${listener.addr.port}`;
    this.#serving = this.#serve();
  }

  static listen(port: number, options: TcpProxyOptions = {}): TcpProxy {
    return new TcpProxy(Deno.listen({ hostname: "127.0.0.1", port: 0 }), port, options);
  }

  /** Breaks what is connected now. */
  breakAll(): void {
    for (const pair of this.#pairs) breakPair(pair);
  }

  /** Breaks what is connected, and lets nobody through until {@linkcode heal}. */
  cut(): void {
    this.#isCut = true;
    this.breakAll();
  }

  heal(): void {
    this.#isCut = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.breakAll();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const carried: Promise<void>[] = [];
    for await (const near of this.#listener) {
      carried.push(this.#carry(near));
    }
    await Promise.all(carried);
  }

  async #carry(near: Deno.TcpConn): Promise<void> {
    const far = this.#isCut ? null : await Deno.connect(this.#target).catch(() => null);
    if (far === null) {
      // The daemon has gone, or cannot be reached.
      near.close();
      return;
    }
    // Otherwise each small call takes 40 ms, which is how long an acknowledgement may be delayed.
    for (const connection of [near, far]) connection.setNoDelay();
    const pair = { near, far };
    this.#pairs.add(pair);
    this.connections++;
    let bytes = 0;
    const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, controller) => {
        controller.enqueue(chunk);
        bytes += chunk.byteLength;
        if (bytes >= this.#breakAfterBytes) breakPair(pair);
      },
    });
    await Promise.allSettled([
      near.readable.pipeTo(pair.far.writable),
      pair.far.readable.pipeThrough(counted).pipeTo(near.writable),
    ]);
    breakPair(pair);
    this.#pairs.delete(pair);
  }
}

function breakPair({ near, far }: Pair): void {
  for (const connection of [near, far]) {
    try {
      connection.close();
    } catch (error) {
      // It is closed.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}
