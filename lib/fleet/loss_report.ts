import { certificateFault } from "./nats_connection.ts";

/**
 * Finds the words for the loss of a connection to NATS. Its client tells of every attempt to connect again that the
 * server has ended, too, and never why.
 */
export class LossReport {
  readonly #cert: string;
  #losses = 0;

  /** @param cert our certificate: PEM */
  constructor(cert: string) {
    this.#cert = cert;
  }

  /** There is a connection again. */
  over(): void {
    this.#losses = 0;
  }

  /** @returns what to say; `null` if that has been said */
  next(): string | null {
    this.#losses++;
    if (this.#losses > 2) return null;
    if (this.#losses === 2) return "nats-server does not let us in again: its log says why";
    const outdated = certificateFault(this.#cert, Date.now());
    return `The connection to NATS is lost; ${outdated ?? "connecting again"}`;
  }
}
