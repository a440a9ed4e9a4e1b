import type { Socket } from "node:net";

/** Options of {@linkcode ExporterConnections}. */
export interface ExporterConnectionsOptions {
  /** How many may be open at once. */
  readonly max: number;
  /** How long somebody may take to have an answer, in milliseconds. */
  readonly answerWithinMs: number;
}

/**
 * Bounds the connections of a server. Beyond the most, that one is closed for the next which has asked nothing for
 * longest, so that nobody keeps others out by asking nothing.
 */
export class ExporterConnections {
  readonly #options: ExporterConnectionsOptions;
  /** Those that wait for a question; whoever has waited longest comes first. */
  readonly #idle = new Set<Socket>();
  /** Those that are being answered, and what ends them if they do not read that. */
  readonly #answering = new Map<Socket, ReturnType<typeof setTimeout>>();

  constructor(options: ExporterConnectionsOptions) {
    this.#options = options;
  }

  /** Takes a connection, or closes it if all others are being answered. */
  take(socket: Socket): void {
    this.#idle.add(socket);
    socket.once("close", () => this.#forget(socket));
    if (this.#idle.size + this.#answering.size <= this.#options.max) return;
    const [oldest = socket] = this.#idle;
    // It is not counted any more, though it says only later that it is closed.
    this.#forget(oldest);
    oldest.destroy();
  }

  /**
   * Says that somebody asks.
   *
   * @returns whether they may: they have all answers to what they have asked before
   */
  asks(socket: Socket): boolean {
    if (!this.#idle.delete(socket)) return false;
    const late = setTimeout(() => socket.destroy(), this.#options.answerWithinMs);
    this.#answering.set(socket, late);
    return true;
  }

  /** Says that somebody has their answer. */
  answered(socket: Socket): void {
    if (!this.#answering.has(socket)) return;
    this.#forget(socket);
    this.#idle.add(socket);
  }

  #forget(socket: Socket): void {
    this.#idle.delete(socket);
    clearTimeout(this.#answering.get(socket));
    this.#answering.delete(socket);
  }
}
