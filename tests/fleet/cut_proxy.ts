/**
 * Stands between a hub and PostgreSQL, and cuts a connection at the moment of a commit.
 *
 * @module
 */

/** `before`: the server never sees it. `after`: it commits, and nobody is told. */
export type Cut = "before" | "after";

export class CutProxy implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #target: number;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;
  #next: Cut | null = null;

  constructor(target: number) {
    this.#target = target;
    this.port = this.#listener.addr.port;
    this.#serving = this.#serve();
  }

  /** Cuts the connection of the next commit. */
  cutNext(cut: Cut): void {
    this.#next = cut;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) close(connection);
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const carried: Promise<unknown>[] = [];
    for await (const near of this.#listener) carried.push(this.#carry(near));
    await Promise.all(carried);
  }

  async #carry(near: Deno.TcpConn): Promise<void> {
    const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
    const both = [near, far];
    for (const connection of both) this.#open.add(connection);
    const cutBoth = () => both.forEach(close);
    let isCommitting = false;
    const commits = new Commits();
    await Promise.allSettled([
      copy(near, far, (bytes) => {
        if (!commits.isOneIn(bytes) || this.#next === null) return true;
        isCommitting = this.#next === "after";
        this.#next = null;
        return isCommitting;
      }).finally(cutBoth),
      copy(far, near, () => !isCommitting).finally(cutBoth),
    ]);
    for (const connection of both) this.#open.delete(connection);
  }
}

/** Knows a commit when it comes: the first one is sent as text and given a name, and later ones are sent by that. */
class Commits {
  #name: string | null = null;

  isOneIn(bytes: Uint8Array): boolean {
    const text = new TextDecoder("latin1").decode(bytes);
    // See "Parse" in https://www.postgresql.org/docs/current/protocol-message-formats.html: before the name is a length.
    const [, named] = /([^\0]+)\0commit\0/i.exec(text) ?? [];
    if (named !== undefined) this.#name = named.slice(1);
    return named !== undefined || this.#name !== null && text.includes(`\0${this.#name}\0`);
  }
}

/** Copies until one of them is closed, or something must not pass. */
async function copy(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  mayPass: (bytes: Uint8Array) => boolean,
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null || !mayPass(buffer.subarray(0, count))) return;
    for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}
